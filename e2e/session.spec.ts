import { expect, newAccount, signIn, test } from "./fixtures";

test("registers, makes a key in place, and sees the first trace arrive without a reload", async ({ page, request, gatewayUrl }) => {
  const account = newAccount();
  await page.goto("/");
  await expect(page).toHaveURL("/login");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByLabel("Email").fill(account.email);
  await page.getByLabel("Password").fill(account.password);
  await page.getByLabel("Workspace").fill(account.workspace);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page).toHaveURL("/dashboard");
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();

  await page.getByRole("button", { name: "Create a key" }).click();
  const key = (await page.locator("[data-key]").textContent()) ?? "";
  await expect(page.getByRole("tabpanel")).toContainText(`AgentObservability(api_key="${key}"`);
  await page.evaluate(() => Object.assign(window, { untouched: true }));
  const answer = await request.post(`${gatewayUrl}/api/v1/traces`, {
    headers: { authorization: `Bearer ${key}` },
    data: { trace_id: "hello-1", agent_id: "hello", input: "Hi", output: "Hello!", latency_ms: 420, status: "success" },
  });
  expect(answer.status()).toBe(202);
  const row = page.getByRole("main").getByRole("link", { name: /hello/ });
  await expect(row).toHaveAttribute("href", "/traces/hello-1");
  expect(await page.evaluate(() => "untouched" in window)).toBe(true);
});

test("signs out, and after signing in is where it was refused", async ({ signedIn: page, account }) => {
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page).toHaveURL("/login");
  expect(await page.context().cookies()).toEqual([]);

  await page.goto("/dashboard?range=7d");
  await expect(page).toHaveURL(/\/login\?next=/);
  await signIn(page, account);
  await expect(page).toHaveURL("/dashboard?range=7d");
});

test("keeps the tokens from scripts", async ({ signedIn: page }) => {
  const cookies = await page.context().cookies();
  expect(cookies.length).toBeGreaterThan(0);
  for (const { httpOnly, sameSite } of cookies) expect([httpOnly, sameSite]).toEqual([true, "Lax"]);
  expect(await page.evaluate(() => document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toMatch(/eyJ/);
});

test("says that a password is wrong, and lets nobody in", async ({ page, account, expectedMessages }) => {
  expectedMessages.push("status of 401");
  await page.goto("/login");
  await signIn(page, { email: account.email, password: "not-the-password-1" });
  await expect(page.locator("form").getByRole("alert")).toBeVisible();
  await expect(page).toHaveURL("/login");
  expect(await page.context().cookies()).toEqual([]);
});

test("serves pages whose policy runs scripts of its own only", async ({ page, expectedMessages }) => {
  expectedMessages.push("Content Security Policy", "/none");
  const answer = await page.goto("/login");
  const policy = answer?.headers()["content-security-policy"] ?? "";
  const scripts = policy.split(";").find((directive) => directive.trim().startsWith("script-src"));
  expect(scripts).toMatch(/'nonce-[^']+'/);
  expect(scripts).not.toMatch(/unsafe-inline|unsafe-eval/);
  await page.evaluate(() => document.body.insertAdjacentHTML("beforeend", '<img src="/none" onerror="window.injected = true">'));
  await expect.poll(() => page.evaluate(() => document.querySelector<HTMLImageElement>('img[src="/none"]')?.complete)).toBe(true);
  expect(await page.evaluate(() => "injected" in window)).toBe(false);
});
