import type { Page } from "@playwright/test";
import { expect, openPalette, test } from "./fixtures";
import { enterAs } from "./support/people";

const main = (page: Page) => page.getByRole("main");
const traces = (page: Page) => page.getByRole("table", { name: "Traces" });
const requests = (page: Page) => page.locator('[data-figure="Requests"]');
/** Marks the document, so that a reload would show. */
const mark = (page: Page) => page.evaluate(() => Object.assign(window, { untouched: true }));
const isMarked = (page: Page) => page.evaluate(() => "untouched" in window);

test("figures follow what arrives by the socket, and by asking where the socket is refused", async ({ signedIn: page, storeTrace, browser, baseURL, person }) => {
  await storeTrace();
  await page.reload();
  await expect(page.getByRole("button", { name: "Live", exact: true })).toBeVisible();
  const context = await browser.newContext({ ...(baseURL ? { baseURL } : {}) });
  await enterAs(context, person);
  const refused = await context.newPage();
  await refused.routeWebSocket(/\/ws\//, (socket) => socket.close({ code: 1013 }));
  await refused.clock.install();
  await refused.goto("/dashboard");
  await expect(refused.getByRole("button", { name: "Every 10 s" })).toBeVisible();
  for (const open of [page, refused]) {
    await expect(requests(open)).toHaveText("1");
    await mark(open);
  }
  await storeTrace({ status: "error", error: "no" });
  await expect(requests(page)).toHaveText("2");
  await expect(page.locator('[data-figure="Error rate"]')).toHaveText("50 %");
  await page.getByRole("button", { name: "Live", exact: true }).hover();
  await expect(page.getByRole("tooltip")).toContainText("Last event");
  await expect(requests(refused)).toHaveText("1");
  await expect(async () => {
    await refused.clock.fastForward(10_000);
    await expect(requests(refused)).toHaveText("2", { timeout: 500 });
  }).toPass();
  for (const open of [page, refused]) expect(await isMarked(open)).toBe(true);
  await context.close();
});

test("the list follows what arrives, stops when told to, and says then how much is new", async ({ signedIn: page, storeTrace }) => {
  await storeTrace({ input: "the first" });
  await page.goto("/traces");
  await expect(traces(page).getByRole("row")).toHaveCount(2);
  await mark(page);
  await page.getByRole("button", { name: "Follow" }).click();
  await expect(page).toHaveURL(/live=true/);
  await storeTrace({ input: "the second" });
  await expect(traces(page).getByRole("row")).toHaveCount(3);
  await expect(traces(page).getByRole("row").nth(1)).toContainText("the second");
  await page.getByRole("button", { name: "Following" }).click();
  await storeTrace({ input: "the third" });
  await page.getByRole("button", { name: "1 new trace: show" }).click();
  await expect(traces(page).getByRole("row")).toHaveCount(4);
  await expect(page.getByRole("button", { name: /new trace/ })).toHaveCount(0);
  await page.getByRole("button", { name: "Follow" }).click();
  await storeTrace({ input: "the fourth" });
  await expect(traces(page).getByRole("row")).toHaveCount(5);
  expect(await isMarked(page)).toBe(true);

  // Sorted as they stand, one goes on from trace to trace.
  await traces(page).getByRole("row").nth(1).click();
  const span = page.getByRole("region", { name: /^Span/ });
  await expect(span).toContainText("the fourth");
  await page.keyboard.press("]");
  await expect(span).toContainText("the third");
  await page.keyboard.press("]");
  await expect(span).toContainText("the second");
  await page.keyboard.press("[");
  await expect(span).toContainText("the third");
  const url = page.url();
  const palette = await openPalette(page);
  await palette.getByRole("combobox").fill(decodeURIComponent(new URL(url).pathname.split("/").at(-1) ?? ""));
  await palette.getByRole("option", { name: /^Open trace/ }).click();
  await expect(page).toHaveURL(url);
  await expect(span).toContainText("the third");
});

test("a view with its columns is shared with colleagues, who see and cannot delete it", async ({ signedIn: page, storeTrace, people, person, browser, baseURL }) => {
  await storeTrace({ status: "error", release: "v7" });
  await storeTrace();
  await page.goto("/traces?range=7d&status=error");
  await page.getByRole("button", { name: "Columns" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Release" }).click();
  await page.getByRole("menuitemcheckbox", { name: "Tokens" }).click();
  await page.keyboard.press("Escape");
  const heads = () => traces(page).getByRole("columnheader").allTextContents();
  await expect.poll(heads).toEqual(["Time", "Status", "Agent", "Input", "Duration", "Cost", "Model", "Release"]);
  await page.reload();
  await expect.poll(heads, "columns are kept").toEqual(["Time", "Status", "Agent", "Input", "Duration", "Cost", "Model", "Release"]);
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: /Save this view/ }).click();
  await page.getByLabel("Name").fill("Failures of a week");
  await page.getByLabel("Everyone in the workspace sees it").check();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await expect(page.getByRole("dialog")).toHaveCount(0);

  const context = await browser.newContext({ ...(baseURL ? { baseURL } : {}) });
  await enterAs(context, await people.invite(person, "viewer"));
  const other = await context.newPage();
  await other.goto("/traces");
  await expect(traces(other).getByRole("row")).toHaveCount(3);
  await other.getByRole("button", { name: "Views" }).click();
  await expect(other.getByRole("menuitem", { name: /^Delete the view/ })).toHaveCount(0);
  await other.getByRole("menuitem", { name: /^Failures of a week/ }).click();
  await expect(traces(other).getByRole("row")).toHaveCount(2);
  await expect(other).toHaveURL(/range=7d.*status=error|status=error.*range=7d/);
  await expect(traces(other).getByRole("columnheader", { name: "Release" })).toBeVisible();
  await context.close();

  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem", { name: "Delete the view Failures of a week" }).click();
  await expect(page.getByText("None yet")).toBeVisible();
});

test("a theme is kept, and a phone reaches every page by its menu", async ({ signedIn: page }) => {
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitemcheckbox", { name: "Dark" }).click();
  await expect(page.locator("html")).toHaveClass(/\bdark\b/);
  await page.reload();
  await expect(page.locator("html")).toHaveClass(/\bdark\b/);
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();

  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.getByRole("complementary")).toBeHidden();
  for (const [name, path] of [["Performance", "/performance"], ["Settings", "/settings"], ["Traces", "/traces"]] as const) {
    await page.getByRole("button", { name: "Open navigation" }).click();
    const menu = page.getByRole("dialog", { name: "Navigation" });
    await menu.getByRole("link", { name, exact: true }).click();
    await expect(page).toHaveURL(path);
    await expect(menu).toHaveCount(0);
    await expect(main(page).getByRole("heading", { level: 1 })).toHaveText(name);
  }
  await page.getByRole("button", { name: "Facets" }).click();
  await expect(page.getByRole("dialog", { name: "Facets" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Search and commands" }).click();
  await expect(page.getByRole("dialog", { name: "Search and commands" })).toBeVisible();
});
