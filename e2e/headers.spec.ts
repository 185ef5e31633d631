import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { CspEvaluator } from "csp_evaluator/dist/evaluator.js";
import { Severity } from "csp_evaluator/dist/finding.js";
import { CspParser } from "csp_evaluator/dist/parser.js";
import { expect, test } from "./fixtures";
import type { Person } from "./support/people";
import { PROJECT } from "./support/platform";

const PAGES = ["/dashboard", "/traces", "/traces/nothing", "/sessions", "/sessions/nothing", "/users", "/users/nobody", "/usage", "/cost", "/performance", "/ingestion", "/jobs", "/settings", "/no-such-page"];
const OPEN = ["/login", "/register", "/forgot-password", "/reset-password?token=x", "/accept-invitation?token=x"];

/** Settings that pages name to people. */
const TOLD = ["SETUP_TOKEN"];

const cookieHeader = ({ cookies }: Person) => cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
const get = (url: string, headers: Record<string, string> = {}, method = "GET") => fetch(url, { method, headers, redirect: "manual" });

/** What every answer of the dashboard has, whatever it answers. */
function expectBound(headers: Headers, what: string): void {
  expect(headers.get("x-content-type-options"), what).toBe("nosniff");
  expect(headers.get("x-frame-options"), what).toBe("DENY");
  expect(headers.get("referrer-policy"), what).toMatch(/^(same-origin|no-referrer)$/);
  expect(headers.get("strict-transport-security"), what).toMatch(/^max-age=31536000/);
  expect(headers.get("content-security-policy"), what).toMatch(/default-src '(none|self)'/);
  expect(headers.get("content-security-policy"), what).toContain("frame-ancestors 'none'");
  expect(headers.get("x-powered-by"), what).toBeNull();
  expect(headers.get("access-control-allow-origin"), what).toBeNull();
}

test("S52 every page has a policy of its own that an evaluator finds nothing grave in", async ({ baseURL, person }) => {
  const nonces = new Set<string>();
  const pages = [...OPEN.map((page) => [page, {}] as const), ...PAGES.map((page) => [page, { cookie: cookieHeader(person) }] as const)];
  for (const [page, headers] of pages) {
    const answer = await get(`${baseURL}${page}`, headers);
    expect([200, 404], page).toContain(answer.status);
    expectBound(answer.headers, page);
    expect(answer.headers.get("cache-control"), page).toContain("no-store");
    const policy = answer.headers.get("content-security-policy") ?? "";
    const { csp } = new CspParser(policy);
    const scripts = csp.directives["script-src"] ?? [];
    expect(scripts, page).not.toContain("'unsafe-inline'");
    expect(scripts, page).not.toContain("'unsafe-eval'");
    expect(csp.directives["object-src"], page).toEqual(["'none'"]);
    expect(csp.directives["base-uri"], page).toEqual(["'none'"]);
    expect(csp.directives["form-action"], page).toEqual(["'self'"]);
    const nonce = scripts.find((value) => value.startsWith("'nonce-")) ?? "";
    nonces.add(nonce);
    // Each script in the document bears the nonce, or would not run.
    const document = await answer.text();
    for (const [tag] of document.matchAll(/<script\b[^>]*>/g)) expect(tag, page).toContain(`nonce="${nonce.slice(7, -1)}"`);
    const grave = new CspEvaluator(csp).evaluate().filter(({ severity }) => severity <= Severity.MEDIUM);
    expect(grave.map(({ directive, description }) => `${directive}: ${description}`), page).toEqual([]);
  }
  expect(nonces.size).toBe(pages.length);
});

test("S52 files, data, redirects and errors have headers that bind them, at the dashboard and at the gateway", async ({ baseURL, gatewayUrl, person, people }) => {
  const cookie = cookieHeader(person);
  const login = await (await get(`${baseURL}/login`)).text();
  const [script] = /\/_next\/static\/[^"]+\.js/.exec(login) ?? [];
  const [style] = /\/_next\/static\/[^"]+\.css/.exec(login) ?? [];
  expect([script, style]).not.toContain(undefined);
  const cases: readonly [address: string, status: number, method?: string, cookie?: string][] = [
    ["/", 307], ["/dashboard", 307], ["/login/", 308], ["/traces/%ff", 307], ["/%", 307],
    [script ?? "", 200], [style ?? "", 200], ["/_next/static/nothing.js", 404], ["/_next/static/%2e%2e/server.js", 404], ["/icon.svg", 200], ["/favicon.ico", 200],
    ["/health", 200], ["/ready", 200], ["/_next/image?url=http://canary.invalid/a.png&w=64&q=75", 400],
    ["/api/nothing", 404], ["/api/session/login", 405], ["/api/session/nothing", 404, "POST"], ["/api/session/logout", 403, "POST", cookie],
    ["/api/gw/api/v1/traces", 401], ["/api/gw/api/v1/traces", 200, "GET", cookie], ["/api/gw/api/v1/traces?limit=x", 422, "GET", cookie], ["/api/gw/api/v1/traces/nothing", 404, "GET", cookie],
    ["/api/gw/metrics", 404, "GET", cookie], ["/api/gw/api/v1/auth/login", 404, "POST", cookie], ["/api/gw/api/v1/api-keys", 403, "POST", cookie],
  ];
  for (const [address, status, method = "GET", held = ""] of cases) {
    const answer = await get(`${baseURL}${address}`, held ? { cookie: held } : {}, method);
    const what = `${method} ${address}`;
    expect(answer.status, what).toBe(status);
    expectBound(answer.headers, what);
    // What may be kept has its content in its name, or is the icon.
    if (!/^\/(_next\/static\/.*\.(js|css)$|icon|favicon|_next\/image)/.test(address)) expect(answer.headers.get("cache-control"), what).toContain("no-store");
    if (address.startsWith("/api/") && status !== 405) expect(answer.headers.get("content-type") ?? "", what).toMatch(address === "/api/nothing" ? /^text\/html/ : /^application\/json$/);
  }

  const bearer = { authorization: `Bearer ${await people.key(person, ["read"])}` };
  const answers: readonly [address: string, status: number, init: RequestInit][] = [
    ["/health", 200, {}], ["/nothing", 404, {}], ["/api/v1/traces", 401, {}], ["/api/v1/traces", 200, { headers: bearer }], ["/api/v1/traces?limit=x", 422, { headers: bearer }],
    ["/api/v1/traces/nothing", 404, { headers: bearer }], ["/api/v1/exports", 403, { method: "POST", headers: { ...bearer, "content-type": "application/json" }, body: '{"format":"csv"}' }],
    ["/api/v1/auth/login", 405, {}], ["/api/v1/auth/login", 400, { method: "POST", headers: { "content-type": "application/json" }, body: "{" }], ["/api/v1/traces/a%2Fb", 404, { headers: bearer }],
  ];
  for (const [address, status, init] of answers) {
    const answer = await fetch(`${gatewayUrl}${address}`, init);
    const what = `gateway ${init.method ?? "GET"} ${address}`;
    expect(answer.status, what).toBe(status);
    expectBound(answer.headers, what);
    expect(answer.headers.get("cache-control"), what).toContain("no-store");
    expect(answer.headers.get("content-type"), what).toBe("application/json");
  }
});

test("S53 pages and handlers look at the session themselves, whatever headers of the framework's own a request has", async ({ baseURL, person, storeTrace }) => {
  await storeTrace({ trace_id: "secret-trace" });
  const forged = "aobs_access=eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x; aobs_refresh=forged";
  const FRAMEWORK: readonly Record<string, string>[] = [
    {},
    { "x-middleware-subrequest": "src/proxy:src/proxy:src/proxy:src/proxy:src/proxy" },
    { "x-middleware-subrequest": "proxy" },
    { "x-middleware-next": "1", "x-middleware-rewrite": "/dashboard" },
    { "x-nextjs-data": "1" },
    { rsc: "1" },
    { rsc: "1", "next-router-prefetch": "1" },
    { "next-router-prefetch": "1" },
    { purpose: "prefetch" },
    { "x-nonce": "abc", "content-security-policy": "script-src *" },
    { "x-invoke-path": "/dashboard", "x-matched-path": "/dashboard" },
  ];
  for (const headers of FRAMEWORK) {
    const what = JSON.stringify(headers);
    const stranger = await get(`${baseURL}/dashboard`, headers);
    expect(stranger.status, what).toBe(307);
    expect(stranger.headers.get("location"), what).toContain("/login");
    const data = await get(`${baseURL}/api/gw/api/v1/traces`, headers);
    // What asks for parts of pages is sent round by the framework first.
    expect(data.status, what).toBe("rsc" in headers ? 307 : 401);
    // A cookie that proves nothing gets a page without anything of anybody, and no data.
    const guess = await get(`${baseURL}/dashboard`, { ...headers, cookie: forged });
    expect(await guess.text(), what).not.toMatch(new RegExp(`${person.account.email}|${person.workspaceId}|secret-trace`));
    expect(guess.headers.get("content-security-policy") ?? "", what).not.toContain("script-src *");
    expect((await get(`${baseURL}/api/gw/api/v1/traces`, { ...headers, cookie: forged })).status, what).toBe("rsc" in headers ? 307 : 401);
  }
  // The page says who is signed in only to them.
  expect(await (await get(`${baseURL}/dashboard`, { cookie: cookieHeader(person) })).text()).toContain(person.account.email);
  const ACTIONS: readonly Record<string, string>[] = [{ "next-action": "0".repeat(40) }, { "next-action": "x", "content-type": "multipart/form-data; boundary=x" }];
  for (const headers of ACTIONS) {
    const answer = await fetch(`${baseURL}/login`, { method: "POST", headers: { ...headers, origin: baseURL ?? "" }, body: '["$1:__proto__:then"]' });
    expect(answer.status, JSON.stringify(headers)).toBeLessThan(500);
  }
  // No path leads past the door for data to anything else of the gateway, or of another server.
  for (const address of ["/api/gw/metrics", "/api/gw/health", "/api/gw/..%2fmetrics", "/api/gw/%2e%2e/health", "/api/gw//api/v1/auth/me", "/api/gw/@canary.invalid/", "/api/gw/http://canary.invalid/api/v1/", "/api/gw/api/v1/auth/login/", "/api/gw/api/v1/auth/refresh"]) {
    const answer = await fetch(`${baseURL}${address}`, { method: address.includes("auth/") ? "POST" : "GET", headers: { cookie: cookieHeader(person), origin: baseURL ?? "" }, redirect: "manual" });
    expect([308, 404, 405], address).toContain(answer.status);
    expect(await answer.text(), address).not.toMatch(/access_token|# HELP|"service": ?"gateway"/);
  }
});

test("S53 hands no tokens to scripts, and what browsers load holds no secret, no name of a setting and no source", async ({ signedIn: page, baseURL, expectedMessages }) => {
  expectedMessages.push("status of 404");
  for (const address of ["auth/login", "auth/register", "auth/refresh", "auth/switch", "auth/logout", "team/accept"]) {
    const status = await page.evaluate(
      async (url) => (await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).status,
      `${baseURL}/api/gw/api/v1/${address}`,
    );
    expect(status, address).toBe(404);
  }
  const builds = path.join(PROJECT, "frontend", ".build");
  const build = readdirSync(builds).map((name) => path.join(builds, name)).sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)[0] ?? "";
  const folder = path.join(build, ".next", "static");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => path.join(folder, name)).filter((name) => statSync(name).isFile());
  expect(files.filter((name) => name.endsWith(".map"))).toEqual([]);
  const template = readFileSync(path.join(PROJECT, ".env.example"), "utf8");
  const settings = [...template.matchAll(/^#? ?([A-Z][A-Z_]{5,})=/gm)].map(([, name = ""]) => name).filter((name) => name.includes("_") && !TOLD.includes(name));
  const secrets = [...readFileSync(path.join(PROJECT, ".env"), "utf8").matchAll(/^[A-Z_]+(?:SECRET|SALT|PASSWORD|TOKEN)=(.{12,})$/gm)].map(([, value = ""]) => value);
  expect(settings).toContain("JWT_SECRET");
  expect(secrets.length).toBeGreaterThan(3);
  for (const file of files.filter((name) => /\.(js|css|json|txt|html)$/.test(name))) {
    const text = readFileSync(file, "utf8");
    for (const word of [...secrets, ...settings, PROJECT]) expect(text.includes(word), `${file} holds ${word}`).toBe(false);
    expect(text, file).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\.|ao_live_[A-Za-z0-9]{8}|-----BEGIN|postgres(ql)?:\/\/|redis:\/\/|sourceMappingURL/);
  }
  const versionOf = (name: string) => (JSON.parse(readFileSync(path.join(PROJECT, "frontend", "node_modules", name, "package.json"), "utf8")) as { version: string }).version;
  // Beyond the mending of the framework's passed-by middleware, and of what its server read of foreign component trees.
  expect(isAtLeast(versionOf("next"), "16.0.10"), `next ${versionOf("next")}`).toBe(true);
  for (const name of ["react", "react-dom"]) expect(isAtLeast(versionOf(name), "19.2.3"), `${name} ${versionOf(name)}`).toBe(true);
});

function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, "en", { numeric: true }) >= 0;
}
