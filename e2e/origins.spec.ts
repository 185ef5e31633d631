import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "./fixtures";
import type { Person } from "./support/people";

const cookieHeader = ({ cookies }: Person) => cookies.map(({ name, value }) => `${name}=${value}`).join("; ");

/** Origins that resemble the dashboard's and are none of its. */
function strangeOrigins(dashboard: string): string[] {
  const { host, hostname, port } = new URL(dashboard);
  return [
    "https://evil.example", "null", "file://", `http://evil-${host}`, `http://evil.${host}`, `http://${hostname}.evil.example:${port}`, `http://${host}.evil.example`, `https://${host}`,
    `http://${hostname}`, `http://${hostname}:${Number(port) + 1}`, `http://${host}@evil.example`, `${dashboard}/`, `${dashboard} https://evil.example`, `http://[::1]:${port}`, "http://0.0.0.0", `${dashboard}%00.evil.example`, "*",
  ];
}

test("S50 no page of another origin may read answers of the gateway or the dashboard", async ({ baseURL, gatewayUrl, person, people }) => {
  const key = await people.key(person, ["read", "ingest"]);
  const dashboard = baseURL ?? "";
  const asked: readonly [string, RequestInit][] = [
    [`${gatewayUrl}/api/v1/traces`, { headers: { authorization: `Bearer ${key}` } }],
    [`${gatewayUrl}/api/v1/traces`, {}],
    [`${gatewayUrl}/nothing`, {}],
    [`${gatewayUrl}/v1/traces`, { method: "POST", headers: { authorization: `Bearer ${key}`, "content-type": "application/json" }, body: '{"resourceSpans":[]}' }],
    [`${gatewayUrl}/api/v1/traces`, { method: "OPTIONS", headers: { "access-control-request-method": "GET", "access-control-request-headers": "authorization" } }],
    [`${gatewayUrl}/api/v1/api-keys`, { method: "OPTIONS", headers: { "access-control-request-method": "POST", "access-control-request-headers": "authorization, content-type" } }],
    [`${dashboard}/api/gw/api/v1/traces`, { headers: { cookie: cookieHeader(person) } }],
    [`${dashboard}/api/session/login`, { method: "OPTIONS", headers: { "access-control-request-method": "POST" } }],
    [`${dashboard}/dashboard`, { headers: { cookie: cookieHeader(person) } }],
    [`${dashboard}/login`, {}],
  ];
  for (const origin of strangeOrigins(dashboard)) {
    for (const [url, init] of asked) {
      const { headers } = await fetch(url, { ...init, headers: { ...init.headers, origin }, redirect: "manual" });
      expect(headers.get("access-control-allow-origin"), `${origin} at ${init.method ?? "GET"} ${url}`).toBeNull();
      expect(headers.get("access-control-allow-credentials"), `${origin} at ${url}`).toBeNull();
    }
  }
  // The dashboard's own origin is named exactly, and never with cookies.
  const own = await fetch(`${gatewayUrl}/api/v1/traces`, { headers: { authorization: `Bearer ${key}`, origin: dashboard } });
  expect(own.headers.get("access-control-allow-origin")).toBe(dashboard);
  expect(own.headers.get("access-control-allow-credentials")).toBeNull();
  expect(own.headers.get("vary")?.toLowerCase()).toContain("origin");
});

test("S51 refuses what another site sends, in whatever form, and changes nothing by reading", async ({ signedIn: page, baseURL, person }) => {
  const cookie = cookieHeader(person);
  const senders: readonly Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" }, { "sec-fetch-site": "same-site" }, { "sec-fetch-site": "none" }, { "sec-fetch-site": "cross-site", origin: baseURL ?? "" },
    ...strangeOrigins(baseURL ?? "").filter((origin) => !origin.startsWith(`${baseURL}/`)).map((origin) => ({ origin })), {},
  ];
  const WRITES = ["/api/session/logout", "/api/session/login", "/api/session/register", "/api/session/accept", "/api/session/switch", "/api/gw/api/v1/api-keys", "/api/gw/api/v1/workspaces", "/api/gw/api/v1/auth/change-password"];
  for (const headers of senders) {
    for (const path of WRITES) {
      for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"]) {
        const answer = await fetch(`${baseURL}${path}`, { method: "POST", headers: { cookie, "content-type": type, ...headers }, body: "{}" });
        expect(answer.status, `${path} ${type} ${JSON.stringify(headers)}`).toBe(403);
        expect(answer.headers.get("set-cookie"), path).toBeNull();
      }
    }
  }
  for (const method of ["GET", "HEAD"]) {
    for (const path of WRITES) {
      const answer = await fetch(`${baseURL}${path}`, { method, headers: { cookie, "sec-fetch-site": "cross-site" }, redirect: "manual" });
      expect([200, 404, 405], `${method} ${path}`).toContain(answer.status);
    }
  }
  expect((await person.gateway.body<{ api_keys: unknown[] }>("/api/v1/api-keys")).api_keys).toEqual([]);
  expect(await person.gateway.data<unknown[]>("/api/v1/workspaces")).toHaveLength(1);
  await page.reload();
  await expect(page).toHaveURL("/dashboard");
});

test("S51 a page of an attacker, elsewhere or on another port, signs nobody out or in, makes no key and opens no socket", async ({ signedIn: page, baseURL, gatewayUrl, person, expectedMessages }) => {
  // What the attacker's page is refused is in its console.
  expectedMessages.push("status of 403", "status of 405", "WebSocket", "CORS", "ERR_", "Mixed Content", "violates", "Blocked script execution");
  const { url: socket } = await person.gateway.post<{ url: string }>("/api/v1/ws-ticket", {});
  const attack = `<!doctype html><title>attack</title><pre id=log></pre><script>
    const log = (line) => { document.querySelector('#log').textContent += line + '\\n' };
    const target = ${JSON.stringify(baseURL)};
    const tries = [
      ['GET', '/api/session/logout'], ['POST', '/api/session/logout'], ['POST', '/api/session/login'], ['POST', '/api/gw/api/v1/api-keys'], ['POST', '/api/session/register'],
    ].map(([method, path]) => fetch(target + path, { method, mode: 'no-cors', credentials: 'include', ...(method === 'POST' ? { headers: { 'content-type': 'text/plain' }, body: '{"name":"stolen","scopes":["read"]}' } : {}) }).catch(() => 0));
    tries.push(fetch(target + '/api/gw/api/v1/auth/me', { credentials: 'include' }).then((a) => a.text()).then((t) => log('read ' + t), () => log('cannot read')));
    tries.push(new Promise((done) => { const s = new WebSocket(${JSON.stringify(socket)}, ['v1']); s.onopen = () => { log('socket open'); done() }; s.onerror = s.onclose = () => { log('no socket'); done() } }));
    tries.push(new Promise((done) => { const i = new Image(); i.onload = i.onerror = done; i.src = target + '/api/session/logout' }));
    const frame = document.createElement('iframe'); frame.src = target + '/dashboard'; document.body.append(frame);
    Promise.all(tries).then(() => log('done'));
  </script><form method=post enctype="text/plain" action="${baseURL}/api/session/logout" id=f><input name=a value=b></form>`;
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(attack));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  try {
    const other = await page.context().newPage();
    // The loopback address is another site than localhost, and another port of localhost the same site.
    for (const origin of [`http://localhost:${port}`, `http://127.0.0.1:${port}`]) {
      await other.goto(origin);
      await expect(other.locator("#log")).toContainText("done");
      await expect(other.locator("#log")).toContainText("cannot read");
      await expect(other.locator("#log")).toContainText("no socket");
      expect(other.frames().slice(1).map((frame) => frame.url()).filter((url) => url.startsWith(baseURL ?? ""))).toEqual([]);
      await other.evaluate(() => (document.querySelector("#f") as HTMLFormElement).submit());
      await expect(other.locator("body")).toContainText("cross_site_request");
    }
    await other.close();
  } finally {
    server.close();
  }
  expect((await person.gateway.body<{ api_keys: unknown[] }>("/api/v1/api-keys")).api_keys).toEqual([]);
  await page.reload();
  await expect(page).toHaveURL("/dashboard");
  await expect(page.getByRole("button", { name: `Account ${person.account.full_name}` })).toBeVisible();

  // Not even with a good ticket.
  for (const [origin, status] of [["https://evil.example", 403], ["null", 403], [`http://evil-${new URL(baseURL ?? "").host}`, 403], [baseURL ?? "", 101]] as const) {
    const ticket = await person.gateway.post<{ url: string; ticket: string }>("/api/v1/ws-ticket", {});
    expect(await upgrade(ticket.url.replace(/^ws:\/\/[^/]+/, gatewayUrl), origin, `v1, ticket.${ticket.ticket}`), origin).toBe(status);
  }
});

/** The status that a WebSocket handshake is answered with. */
function upgrade(url: string, origin: string, protocol: string): Promise<number> {
  return new Promise((answered, failed) => {
    const request = httpRequest(url, {
      headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-protocol": protocol, origin },
    });
    request.on("response", (response) => answered(response.resume().statusCode ?? 0));
    request.on("upgrade", (_, socket) => {
      socket.destroy();
      answered(101);
    });
    request.on("error", failed);
    request.end();
  });
}

test("S51 cookies are out of reach of scripts and other sites, and bound to this origin over TLS", async ({ baseURL, account }) => {
  const signIn = async (headers: Record<string, string>) => {
    const answer = await fetch(`${baseURL}/api/session/login`, {
      method: "POST", headers: { "content-type": "application/json", "sec-fetch-site": "same-origin", ...headers }, body: JSON.stringify({ email: account.email, password: account.password }),
    });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(await answer.json())).not.toMatch(/eyJ|refresh_token|access_token/);
    return answer.headers.getSetCookie();
  };
  for (const cookie of await signIn({})) {
    expect(cookie).toMatch(/^aobs_(access|refresh)=/);
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; SameSite=lax/i);
    expect(cookie).not.toMatch(/domain=/i);
  }
  const secure = await signIn({ "x-forwarded-proto": "https" });
  expect(secure).toHaveLength(2);
  for (const cookie of secure) {
    expect(cookie).toMatch(/^__Host-aobs_(access|refresh)=/);
    for (const part of [/; Path=\/(;|$)/i, /; Secure/i, /; HttpOnly/i, /; SameSite=lax/i]) expect(cookie).toMatch(part);
    expect(cookie).not.toMatch(/domain=/i);
  }
  // Over TLS a cookie without the prefix, which another host of the domain could set, is none.
  const plain = secure.map((cookie) => (cookie.split(";")[0] ?? "").replace("__Host-", "")).join("; ");
  const forged = await fetch(`${baseURL}/api/gw/api/v1/auth/me`, { headers: { cookie: plain, "x-forwarded-proto": "https" } });
  expect(forged.status).toBe(401);
  const real = await fetch(`${baseURL}/api/gw/api/v1/auth/me`, { headers: { cookie: plain.replace(/aobs_/g, "__Host-aobs_"), "x-forwarded-proto": "https" } });
  expect(real.status).toBe(200);
});
