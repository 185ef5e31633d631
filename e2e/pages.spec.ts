import type { APIRequestContext } from "@playwright/test";
import { expect, expectAccessible, test } from "./fixtures";

interface Figure {
  value: number | null;
}

async function dataOf<Data>(api: APIRequestContext, path: string): Promise<Data> {
  const answer = await api.get(path);
  expect(answer, await answer.text()).toBeOK();
  return ((await answer.json()) as { data: Data }).data;
}

test("shows the figures that the gateway answers", async ({ signedIn: page, storeTrace, api }) => {
  await storeTrace({ latency_ms: 420, user_id: "ada", session_id: "s-1" });
  await storeTrace({ latency_ms: 2400, user_id: "bob", status: "error", error: "no answer" });
  const read = () => dataOf<Record<string, Figure>>(api, "/api/v1/metrics/home-kpis?range=24h");
  // Answers about the present are at most two seconds old.
  await expect.poll(async () => (await read()).requests?.value).toBe(2);
  const kpis = await read();
  await page.goto("/dashboard");
  const figure = (label: string) => page.locator(`[data-figure="${label}"]`);
  await expect(figure("Requests")).toHaveText("2");
  await expect(figure("Error rate")).toHaveText(`${(kpis.error_rate?.value ?? 0) * 100} %`);
  await expect(figure("Average latency")).toHaveText("1.4 s");
  // As many digits as two signs of the amount need.
  const cost = kpis.cost_usd?.value ?? 0;
  expect(cost).toBeGreaterThan(0);
  await expect(figure("Cost")).toHaveText(`$${Number(cost.toPrecision(2))}`);

  const usage = await dataOf<Record<string, Figure>>(api, "/api/v1/usage/overview?range=24h");
  await page.goto("/usage");
  expect(usage.unique_users?.value).toBe(2);
  await expect(page.getByRole("main")).toContainText(/Users/);
  await page.goto("/users");
  await expect(page.getByRole("table", { name: "Users" }).getByRole("row")).toHaveCount(3);
  await page.getByRole("cell", { name: "ada" }).click();
  await expect(page).toHaveURL("/users/ada");
  await expect(page.getByRole("heading", { name: "Latest traces" })).toBeVisible();
  await page.goto("/sessions");
  await page.getByRole("cell", { name: "s-1" }).click();
  await expect(page).toHaveURL("/sessions/s-1");
  await expect(page.getByRole("list", { name: "Traces of the session" }).getByRole("listitem")).toHaveCount(1);
});

const PAGES = ["/dashboard", "/traces", "/sessions", "/users", "/usage", "/cost", "/performance", "/ingestion", "/prices", "/jobs", "/settings"];

test("no page breaks a rule of accessibility, or is wider than a phone", async ({ signedIn: page, storeTrace }) => {
  test.setTimeout(240_000);
  const id = await storeTrace({ user_id: "ada", session_id: "s-1" });
  await storeTrace({ status: "error", error: "no answer" });
  for (const path of [...PAGES, `/traces/${id}`, "/sessions/s-1", "/users/ada"]) {
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

test("every page is there on an empty workspace", async ({ signedIn: page }) => {
  for (const path of PAGES) {
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await page.waitForLoadState("networkidle");
    await expect(page.getByRole("main").getByRole("alert")).toHaveCount(0);
  }
});

test("says what failed, with the request, and tries again", async ({ signedIn: page, storeTrace, expectedMessages }) => {
  expectedMessages.push("status of 503");
  await storeTrace();
  let isDown = true;
  await page.route("**/api/gw/api/v1/traces?**", (route) =>
    isDown
      ? route.fulfill({
          status: 503,
          json: { status: "error", error: { code: "unavailable", message: "The database is away.", details: [] }, meta: { request_id: "req-7" } },
        })
      : route.continue(),
  );
  await page.goto("/traces");
  const alert = page.getByRole("main").getByRole("alert");
  await expect(alert).toContainText("The database is away.");
  await expect(alert).toContainText("req-7");
  isDown = false;
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByRole("table", { name: "Traces" }).getByRole("row")).toHaveCount(2);
});

test("says that a role may not see a page", async ({ signedIn: page, expectedMessages }) => {
  expectedMessages.push("status of 403");
  await page.route("**/api/gw/api/v1/traces?**", (route) =>
    route.fulfill({ status: 403, json: { status: "error", error: { code: "forbidden", message: "Your role may not read traces.", details: [] }, meta: {} } }),
  );
  await page.goto("/traces");
  await expect(page.getByRole("main").getByRole("alert")).toContainText("You may not see this");
});

test("leads to the sign-in when the session has ended meanwhile", async ({ signedIn: page, expectedMessages }) => {
  expectedMessages.push("status of 401");
  await page.context().clearCookies();
  // The page looks for the first trace by itself, and is told so.
  await expect(page).toHaveURL(/\/login\?expired=1&next=%2Fdashboard/);
  await expect(page.getByText("Your session has ended")).toBeVisible();
});

test("is driven by keys alone: palette, pages and help", async ({ signedIn: page }) => {
  await page.waitForLoadState("networkidle");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("perf");
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
