import { expect, test } from "./fixtures";

const CANARY = "https://canary.invalid";
/** What would run, or tell its server who reads, if it were taken for more than text. */
const PAYLOADS = [
  `<script>window.injected = true</script>`,
  `<img src=x onerror="window.injected = true">`,
  `<svg onload="window.injected = true"></svg>`,
  `"><iframe srcdoc="<script>parent.injected = true</script>">`,
  `<math><mtext><table><mglyph><style><img src=x onerror="window.injected = true">`,
  `[click](javascript:window.injected=true)`,
  `![picture](${CANARY}/a.png)`,
  `<a href="javascript:window.injected=true">link</a>`,
  `{{constructor.constructor('window.injected = true')()}}`,
  `\${window.injected = true}`,
  `\u001b[31mred\u001b]8;;${CANARY}\u0007link\u001b]8;;\u0007`,
  `</script><script>window.injected = true</script>`,
  `<style>@import "${CANARY}/a.css";</style>`,
  `<meta http-equiv="refresh" content="0;url=${CANARY}">`,
  `<form action="${CANARY}"><button>Send</button></form>`,
  `<base href="${CANARY}">`,
  `&lt;script&gt;window.injected = true&lt;/script&gt;`,
  `\u202egnp.exe`,
];

test("S38 shows what traces say as text, on every page, and asks nobody elsewhere", async ({ signedIn: page, storeTrace }) => {
  test.setTimeout(240_000);
  const asked: string[] = [];
  page.on("request", (request) => {
    if (new URL(request.url()).hostname.endsWith("canary.invalid")) asked.push(request.url());
  });
  page.on("dialog", (dialog) => void dialog.dismiss());
  const all = PAYLOADS.join("\n");
  const ids: string[] = [];
  for (const [index, payload] of PAYLOADS.entries()) {
    ids.push(
      await storeTrace({
        agent_id: payload,
        user_id: payload,
        session_id: `s-${index}`,
        input: { messages: [{ role: payload, content: [{ type: "image", url: `${CANARY}/${index}.png` }, { type: "text", text: all }] }] },
        output: payload,
        model: payload,
        status: "error",
        error: payload,
        tags: [payload.slice(0, 60)],
        metadata: { [payload.slice(0, 100)]: payload, ["__proto__"]: payload, "constructor.prototype.x": payload },
      }),
    );
  }
  const pages = ["/dashboard", "/traces", "/sessions", "/users", "/usage", "/cost", "/performance", "/ingestion", "/sessions/s-0", `/users/${encodeURIComponent(PAYLOADS[1] ?? "")}`];
  for (const path of [...pages, ...ids.slice(0, 6).flatMap((id) => [`/traces/${id}`, `/traces/${id}?tab=raw`, `/traces/${id}?view=graph`, `/traces/${id}?view=cost`])]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await page.waitForLoadState("networkidle");
    expect(await page.evaluate(() => "injected" in window), path).toBe(false);
    expect(await page.evaluate(() => Object.keys(Object.prototype)), path).toEqual([]);
    expect(await page.locator("iframe, object, embed, base, meta[http-equiv]").count(), path).toBe(0);
  }
  expect(asked).toEqual([]);
});

test("S51 refuses what another site sends", async ({ signedIn: page, baseURL }) => {
  const cookies = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const senders: Record<string, string>[] = [{ "sec-fetch-site": "cross-site" }, { origin: "https://elsewhere.example" }, {}];
  for (const headers of senders) {
    for (const path of ["/api/session/logout", "/api/session/login", "/api/session/register", "/api/gw/api/v1/api-keys"]) {
      const answer = await fetch(`${baseURL}${path}`, { method: "POST", headers: { cookie: cookies, "content-type": "text/plain", ...headers }, body: "{}" });
      expect(answer.status, `${path} ${JSON.stringify(headers)}`).toBe(403);
    }
  }
  await page.reload();
  await expect(page).toHaveURL("/dashboard");
});

test("S53 hands out no tokens through the door for data, and trusts no header of the framework's own", async ({ signedIn: page, baseURL, expectedMessages }) => {
  expectedMessages.push("status of 404");
  for (const path of ["auth/login", "auth/refresh", "auth/switch", "team/accept"]) {
    const status = await page.evaluate(
      async (url) => (await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })).status,
      `${baseURL}/api/gw/api/v1/${path}`,
    );
    expect(status, path).toBe(404);
  }
  const answer = await fetch(`${baseURL}/dashboard`, {
    headers: { "x-middleware-subrequest": "src/proxy:src/proxy:src/proxy:src/proxy:src/proxy" },
    redirect: "manual",
  });
  expect(answer.status).toBe(307);
  expect(answer.headers.get("location")).toContain("/login");
});

test("S52 sends every answer with headers that bind it", async ({ baseURL }) => {
  for (const path of ["/login", "/dashboard", "/api/gw/api/v1/traces", "/nothing"]) {
    const { headers } = await fetch(`${baseURL}${path}`, { redirect: "manual" });
    expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    expect(headers.get("x-frame-options"), path).toBe("DENY");
    expect(headers.get("referrer-policy"), path).toBe("same-origin");
    if (path.startsWith("/api/")) {
      expect(headers.get("cache-control"), path).toContain("no-store");
      expect(headers.get("content-security-policy"), path).toContain("default-src 'none'");
    }
  }
});
