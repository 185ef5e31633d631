import { expect, signIn, test } from "./fixtures";

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
