import { expect, expectAccessible, openPalette, seededTest, test } from "./fixtures";

const PAGES = ["/dashboard", "/traces", "/sessions", "/users", "/usage", "/cost", "/performance", "/ingestion", "/prices", "/jobs", "/settings"];

seededTest("no page breaks a rule of accessibility, or is wider than a phone", async ({ page, seeded: { traffic } }) => {
  seededTest.setTimeout(240_000);
  const details = [`/traces/${traffic.story}`, `/traces/${traffic.story}?view=graph`, `/sessions/${traffic.session}`, `/users/${traffic.user}`, "/settings?tab=keys", "/users/a%2Fb"];
  for (const path of [...PAGES.map((page) => `${page}?range=7d`), ...details]) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await page.waitForLoadState("networkidle");
    await expectAccessible(page);
    await page.setViewportSize({ width: 390, height: 844 });
    await expect
      .poll(() => page.evaluate(() => document.documentElement.scrollWidth), { message: `${path} at 390 px` })
      .toBeLessThanOrEqual(390);
    await page.setViewportSize({ width: 1440, height: 900 });
  }
});

test("is driven by keys alone: palette, pages and help", async ({ signedIn: page }) => {
  const palette = await openPalette(page);
  await palette.getByRole("combobox").fill("perf");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/performance/);
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await expect(page).toHaveURL(/\/traces/);
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});
