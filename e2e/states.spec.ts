import type { Locator, Page, Route } from "@playwright/test";
import { expect, seededTest, signIn, test } from "./fixtures";
import type { Traffic } from "./support/traffic";

/** What pages ask for themselves; who asks and where is part of the frame. */
const DATA = /\/api\/gw\/api\/v1\/(?!auth\/|workspaces|ws-ticket|views|traces\/facets\?range=30d&facets=environment&limit=50)/;
const REFUSAL = { status: "error", error: { code: "unavailable", message: "The database is away.", details: [] }, meta: { request_id: "req-4711" } };
const refuse = (route: Route) => route.fulfill({ status: 503, headers: { "retry-after": "0" }, json: REFUSAL });

/** Every page with data: what it is for a workspace with traffic, and how many of its parts are read by themselves. */
const PAGES: readonly [name: string, path: (traffic: Traffic) => string, parts: number][] = [
  ["Home", () => "/dashboard?range=7d", 5],
  ["Traces", () => "/traces?range=7d", 2],
  ["trace", ({ story }) => `/traces/${story}`, 1],
  ["graph of a trace", ({ story }) => `/traces/${story}?view=graph`, 1],
  ["Sessions", () => "/sessions?range=7d", 1],
  ["session", ({ session }) => `/sessions/${session}`, 1],
  ["Users", () => "/users?range=7d", 1],
  ["user", ({ user }) => `/users/${user}`, 1],
  ["Usage", () => "/usage?range=7d", 4],
  ["Cost", () => "/cost?range=7d", 6],
  ["Performance", () => "/performance?range=7d", 7],
  ["Ingestion", () => "/ingestion?range=7d", 2],
  ["Jobs", () => "/jobs", 1],
  ["Team", () => "/settings?tab=team", 1],
  ["API keys", () => "/settings?tab=keys", 1],
];

const main = (page: Page) => page.getByRole("main");
const alerts = (page: Page) => main(page).getByRole("alert");
const loading = (page: Page) => main(page).getByRole("status", { name: "Loading" });
const stale = (page: Page) => main(page).getByRole("status").filter({ hasText: /^As of \d\d:\d\d:\d\d: The database is away\./ });

/** Presses "Try again" until nothing that it stands at is left. */
async function tryAgain(at: Locator): Promise<void> {
  await expect(async () => {
    const button = at.first().getByRole("button", { name: "Try again" });
    if (await button.isVisible()) await button.click({ timeout: 1_000 });
    await expect(at).toHaveCount(0, { timeout: 300 });
  }).toPass({ intervals: [0] });
}

seededTest("every part of every page says that it loads, what failed and with which request, tries again, and keeps what it has", async ({ page, seeded: { traffic }, expectedMessages }) => {
  expectedMessages.push("status of 503");
  seededTest.setTimeout(240_000);
  let minutes = 0;
  let isAway = true;
  let open = () => {};
  let door = Promise.resolve();
  await page.route(DATA, async (route) => {
    await door;
    await (isAway ? refuse(route) : route.continue());
  });
  for (const [name, path, parts] of PAGES) {
    isAway = true;
    door = new Promise((resolve) => (open = resolve));
    await page.goto(path(traffic));
    await expect(loading(page).first(), name).toBeVisible();
    await expect(alerts(page), name).toHaveCount(0);

    open();
    await expect(alerts(page), name).toHaveCount(parts);
    await expect(alerts(page).filter({ hasText: /The database is away\.\s*Request req-4711/ }), name).toHaveCount(parts);
    isAway = false;
    await tryAgain(alerts(page));
    await expect(loading(page), name).toHaveCount(0);
    await page.waitForLoadState("networkidle");
    const figures = (await main(page).innerText()).split("\n").filter((text) => /^[\d,.]+( [km])?$/.test(text)).slice(0, 3);

    isAway = true;
    // What is old is read again when somebody comes back to the window.
    minutes += 2;
    await page.clock.setFixedTime(Date.now() + minutes * 60_000);
    await page.evaluate(() => window.dispatchEvent(new Event("visibilitychange")));
    await expect(stale(page).first(), name).toBeVisible();
    for (const figure of figures) await expect(main(page), name).toContainText(figure);
    isAway = false;
    await tryAgain(stale(page));
  }
});

/** What pages say before there is anything. */
const EMPTY: readonly [path: string, words: string][] = [
  ["/dashboard", "Send your first trace"],
  ["/traces", "No traces in this range"],
  ["/sessions", "No sessions in this range"],
  ["/users", "No users in this range"],
  ["/usage", "No traces yet"],
  ["/cost", "No traces yet"],
  ["/performance", "No traces yet"],
  ["/ingestion", "No dead letters"],
  ["/jobs", "No jobs yet"],
  ["/settings?tab=keys", "No keys yet"],
];

test("every page of an empty workspace says what it is for", async ({ signedIn: page }) => {
  for (const [path, words] of EMPTY) {
    await page.goto(path);
    await expect(main(page).getByText(words, { exact: true }), path).toBeVisible();
    await expect(main(page).getByRole("alert"), path).toHaveCount(0);
  }
});

/** Filters that leave nothing, and what stays of the address when they are cleared. */
const FILTERED: readonly [path: string, cleared: RegExp][] = [
  ["/traces?range=7d&status=timeout&model=nothing", /\/traces\?range=7d$/],
  ["/sessions?range=7d&user_id=nobody", /\/sessions\?range=7d$/],
  ["/usage?range=7d&environment=nowhere", /\/usage\?range=7d$/],
  ["/performance?range=7d&environment=nowhere", /\/performance\?range=7d$/],
  ["/ingestion?range=7d&state=replaying", /\/ingestion\?range=7d$/],
  ["/jobs?type=reindex", /\/jobs$/],
];

seededTest("filters that leave nothing say so, and are cleared in place", async ({ page }) => {
  for (const [path, cleared] of FILTERED) {
    await page.goto(path);
    await expect(main(page).getByText("Nothing matches", { exact: true }), path).toBeVisible();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await expect(page).toHaveURL(cleared);
    await expect(main(page).getByText("Nothing matches"), path).toHaveCount(0);
  }
});

seededTest("what an address names and nobody has is said to be absent", async ({ page, expectedMessages }) => {
  expectedMessages.push("status of 404");
  for (const [path, words, list] of [
    ["/traces/nothing-of-this-name", "There is no such trace", "/traces"],
    ["/sessions/nothing-of-this-name", "There is no such session", "/sessions"],
    ["/users/nobody", "There is no such user", "/users"],
  ] as const) {
    await page.goto(path);
    await expect(main(page).getByText(words), path).toBeVisible();
    await main(page).getByRole("link", { name: /^All / }).click();
    await expect(page).toHaveURL(list);
  }
  await page.goto("/no-such-page");
  await expect(page.getByText("There is no such page")).toBeVisible();
});

/** Where somebody is when their session ends, and what makes the page ask. */
const LEFT: readonly [path: string, act: (page: Page) => Promise<void>][] = [
  ["/traces?range=7d&status=error", (page) => page.getByRole("button", { name: "Duration" }).click()],
  ["/performance?range=7d&environment=production&by=model", (page) => page.reload().then()],
];

test("a session that ended elsewhere leads to the sign-in, and from there back to the same place", async ({ page, people, storeTrace, person, expectedMessages }) => {
  expectedMessages.push("status of 401");
  await storeTrace({ environment: "production", status: "error" });
  const { account } = person;
  for (const [path, act] of LEFT) {
    const cookies = await people.cookiesOf(account);
    await page.context().clearCookies();
    await page.context().addCookies(cookies);
    await page.goto(path);
    await expect(main(page).getByRole("table").first()).toBeVisible();
    await page.waitForLoadState("networkidle");
    const password = `Another-${account.password}`;
    const owner = await people.signIn(account);
    await owner.gateway.post("/api/v1/auth/change-password", { current_password: account.password, new_password: password });
    account.password = password;
    await act(page);
    await expect(page).toHaveURL(/\/login\?expired=1&next=/);
    await expect(page.getByText("Your session has ended")).toBeVisible();
    const place = new URL(page.url()).searchParams.get("next") ?? "";
    expect(place).toContain(path);
    await signIn(page, account);
    await expect(page).toHaveURL(place);
    await expect(main(page).getByRole("table").first()).toBeVisible();
  }
});
