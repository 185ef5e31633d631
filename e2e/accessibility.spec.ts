import { expect, expectAccessible, test } from "./fixtures";

test("the sign-in breaks no rule", async ({ page }) => {
  await page.goto("/login");
  await expect(page.getByRole("button", { name: "Sign in" })).toBeVisible();
  await expectAccessible(page);
});

test("the registration breaks no rule", async ({ page }) => {
  await page.goto("/register");
  await expect(page.getByRole("button", { name: "Create account" })).toBeVisible();
  await expectAccessible(page);
});

test("the home of an empty workspace breaks no rule", async ({ signedIn: page }) => {
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  await expectAccessible(page);
});

test("the home breaks no rule with data", async ({ storeTrace, signedIn: page }) => {
  await storeTrace();
  await storeTrace({ status: "error", error: "the carrier did not answer" });
  await expect(page.getByRole("heading", { name: "Activity" })).toBeVisible();
  await expect(page.getByRole("main").getByRole("link", { name: /support-bot/ })).toHaveCount(2);
  await expectAccessible(page);
});
