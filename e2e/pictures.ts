import path from "node:path";
import type { APIRequestContext, Page } from "@playwright/test";
import { expect, inBothThemes, signIn, test } from "./fixtures";
import { needed } from "./measure/measured";

/** Where all pictures go; those that the documentation shows go there. */
const ALL = path.join(__dirname, "../frontend/test-results/pictures");
const SHOWN = path.join(__dirname, "../docs/pictures");
const WIDTHS = { 1440: 900, 390: 844 } as const;

type Pages = Readonly<Record<string, string>>;

const OUTSIDE: Pages = {
  login: "/login",
  register: "/register",
  "forgot-password": "/forgot-password",
  "reset-password": "/reset-password?token=x",
  "accept-invitation": "/accept-invitation?token=x",
};
const INSIDE: Pages = {
  home: "/dashboard?range=7d",
  traces: "/traces?range=7d",
  sessions: "/sessions?range=7d",
  users: "/users?range=7d",
  usage: "/usage?range=7d",
  cost: "/cost?range=7d",
  performance: "/performance?range=7d",
  compare: "/performance?range=7d&compare=1",
  ingestion: "/ingestion?range=7d",
  jobs: "/jobs",
  prices: "/prices",
  settings: "/settings",
  "settings-team": "/settings?tab=team",
  "settings-keys": "/settings?tab=keys",
  "settings-account": "/settings?tab=account",
};
/** What the documentation shows, of the demo's workspace. */
const DOCUMENTED = ["home", "traces", "trace", "cost", "performance"];

test("pictures without a session", async ({ page }) => {
  await picture(page, "outside", OUTSIDE);
});

test("pictures of an empty workspace", async ({ signedIn: page }) => {
  await picture(page, "empty", INSIDE);
});

test("pictures of the demo's workspace", async ({ browser, baseURL, playwright, gatewayUrl, contextOptions, locale, timezoneId }) => {
  const account = { email: needed("E2E_EMAIL"), password: needed("E2E_PASSWORD") };
  const gateway = await playwright.request.newContext({ baseURL: gatewayUrl });
  const pages = { ...INSIDE, ...(await examples(gateway, account)) };
  for (const deviceScaleFactor of [1, 1.5]) {
    const context = await browser.newContext({ ...contextOptions, baseURL, locale, timezoneId, deviceScaleFactor });
    const page = await context.newPage();
    await page.goto("/login");
    await signIn(page, account);
    await page.waitForURL("**/dashboard");
    if (deviceScaleFactor === 1) await picture(page, "demo", pages);
    else await document(page, pages);
    await context.close();
  }
});

/** Pages of a single thing: the demo's most telling trace, and its session and user. */
async function examples(gateway: APIRequestContext, account: { email: string; password: string }): Promise<Pages> {
  const { access_token } = (await (await gateway.post("/api/v1/auth/login", { data: account })).json()) as { access_token: string };
  const answer = await gateway.get("/api/v1/traces?range=7d&sort=-span_count&limit=1", { headers: { authorization: `Bearer ${access_token}` } });
  expect(answer, await answer.text()).toBeOK();
  const [trace] = ((await answer.json()) as { data: { trace_id: string; session_id: string; user_id: string }[] }).data;
  if (!trace) throw new Error("the demo's workspace has no traces");
  const at = `/traces/${encodeURIComponent(trace.trace_id)}`;
  return {
    trace: at,
    "trace-graph": `${at}?view=graph`,
    "trace-cost": `${at}?view=cost`,
    "trace-raw": `${at}?tab=raw`,
    session: `/sessions/${encodeURIComponent(trace.session_id)}`,
    user: `/users/${encodeURIComponent(trace.user_id)}?range=7d`,
  };
}

/** Pictures of pages in both themes and widths, in full height. */
async function picture(page: Page, group: string, pages: Pages): Promise<void> {
  for (const [name, address] of Object.entries(pages)) {
    await open(page, address);
    for (const [width, height] of Object.entries(WIDTHS)) {
      await page.setViewportSize({ width: Number(width), height });
      await inBothThemes(page, async (theme) => {
        await settle(page);
        await page.screenshot({ path: path.join(ALL, group, `${name}-${theme}-${width}.png`), fullPage: true, animations: "disabled" });
      });
    }
  }
}

/** Pictures for readers of the documentation: the first screen, finely drawn. */
async function document(page: Page, pages: Pages): Promise<void> {
  for (const name of DOCUMENTED) {
    await open(page, pages[name] ?? "");
    await inBothThemes(page, async (theme) => {
      await settle(page);
      await page.screenshot({ path: path.join(SHOWN, `${name}-${theme}.png`), animations: "disabled" });
    });
  }
}

async function open(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
}

/** Waits until nothing is loading and the type has arrived. */
async function settle(page: Page): Promise<void> {
  await expect(page.locator('[role="status"][aria-label="Loading"]')).toHaveCount(0);
  await page.evaluate(() => globalThis.document.fonts.ready);
  await page.waitForTimeout(300);
}
