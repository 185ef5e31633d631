import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import type { Trace } from "../frontend/src/api/schema";
import { expect, openPalette, test as base } from "./fixtures";
import { Guard } from "./support/guard";
import { type Hostile, POLLUTING, sendHostility } from "./support/hostility";
import { FORMULAS, PAYLOADS } from "./support/payloads";
import { enterAs } from "./support/people";
import { atDatabase } from "./support/platform";
import { readVirtualTable } from "./support/reading";

/** The workspace of payloads, and a watched page that is signed in at it. */
const test = base.extend<{ guard: Guard }, { hostile: Hostile }>({
  hostile: [async ({ people }, use) => use(await sendHostility(people)), { scope: "worker", timeout: 180_000 }],
  guard: async ({ page, hostile, baseURL, gatewayUrl }, use) => {
    const guard = await Guard.over(page.context(), [baseURL ?? "", gatewayUrl]);
    await enterAs(page.context(), hostile.person);
    await use(guard);
    guard.expectQuiet("at the end");
  },
});

const main = (page: Page) => page.getByRole("main");
/** Texts as a page shows them: white space is one, and what cannot be seen is not compared. */
const plain = (text: string) => text.replace(/[\s\p{Cc}\u2028\u2029\ufeff]+/gu, " ").trim();

async function settled(page: Page): Promise<void> {
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  await page.waitForLoadState("networkidle");
}

/** Opens what a page keeps closed: whole tables, charts as tables, what charts say to whoever points at them. */
async function openAll(page: Page): Promise<void> {
  await clickAll(page.getByRole("button", { name: /^Show all/ }));
  for (const chart of await page.getByRole("button", { name: /: show as table$/ }).all()) {
    const picture = chart.locator("xpath=../..").getByRole("img").last();
    await picture.scrollIntoViewIfNeeded();
    const box = await picture.boundingBox();
    if (box) for (const share of [0.5, 0.9, 0.97]) await page.mouse.move(box.x + box.width * share, box.y + box.height / 2);
  }
  await clickAll(page.getByRole("button", { name: /: show as table$/ }));
}

/** Presses buttons, each of which is another one afterwards, until there are none. */
async function clickAll(buttons: Locator, most = 40): Promise<void> {
  for (let count = 0; count < most && (await buttons.first().isVisible()); count += 1) await buttons.first().click();
}

/** Pages of the whole workspace, and what on each is chosen one after the other. */
const OVERVIEWS: readonly [path: string, choices: readonly string[]][] = [
  ["/dashboard?compare=1", []],
  ["/usage", []],
  ["/cost", ["Cumulative", "Environment", "Provider"]],
  ["/performance", ["First token", "Model", "Tool"]],
  ["/ingestion", []],
  ["/prices?source=workspace", []],
  ["/prices?state=all", []],
];

test("there are more than a hundred payloads, and no two are alike", () => {
  expect(new Set(PAYLOADS).size).toBe(PAYLOADS.length);
  expect(PAYLOADS.length).toBeGreaterThan(100);
});

test("S38 pages of figures show payloads as text, in charts, tables, menus and the palette", async ({ page, guard }) => {
  test.setTimeout(180_000);
  for (const [path, choices] of OVERVIEWS) {
    await page.goto(path);
    await settled(page);
    await openAll(page);
    for (const choice of choices) {
      await page.getByRole("radio", { name: choice, exact: true }).click();
      await page.waitForLoadState("networkidle");
      await openAll(page);
    }
    guard.expectQuiet(path);
  }
  const palette = await openPalette(page);
  await expect(palette.getByRole("group", { name: "Agents" }).getByRole("option")).not.toHaveCount(0);
  for (const payload of [PAYLOADS[0], PAYLOADS[12], "javascript:window.injected=1", "../../login"]) {
    await palette.getByRole("combobox").fill(payload ?? "");
    await expect(palette.getByText("Search traces for")).toBeVisible();
  }
  await page.keyboard.press("Escape");
  await page.getByRole("navigation").getByRole("link", { name: "Usage" }).click();
  await page.getByRole("button", { name: /^Environment/ }).click();
  await page.getByRole("menuitemcheckbox").nth(3).click();
  await page.keyboard.press("Escape");
  await page.waitForLoadState("networkidle");
  guard.expectQuiet("palette and environments");
});

test("S38 lists show payloads as text in all their columns, facets, filters, views and dialogs", async ({ page, guard, hostile: { person } }) => {
  test.setTimeout(180_000);
  const every = "time,status,agent,name,preview,output,duration,tokens,cost,spans,errors,models,user,session,environment,release,tags,scores,id";
  await page.addInitScript((ids) => localStorage.setItem("aobs.traces.columns", ids), every);
  await page.goto("/traces?sort=-duration_ms");
  await settled(page);
  // That of everything, and one of each payload.
  const rows = await readVirtualTable(page.getByRole("table", { name: "Traces" }), PAYLOADS.length + 1);
  const traces = await person.gateway.data<Trace[]>("/api/v1/traces", { range: "24h", sort: "-duration_ms", limit: 1000 });
  expect(rows.slice(1).map((cells) => plain(cells[2] ?? ""))).toEqual(traces.map((trace) => plain(trace.agent_id ?? "–")));
  // What cannot be seen was taken away before it was stored; all else is as it was sent.
  const sent = PAYLOADS.filter((payload) => !/[\p{Cc}\u2028\u2029\ufeff]/u.test(payload)).map((payload) => payload.slice(0, 256).trim());
  expect(traces.map((trace) => trace.agent_id)).toEqual(expect.arrayContaining(sent));
  await page.getByRole("complementary", { name: "Facets" }).getByRole("checkbox").nth(5).click();
  await expect(page.getByRole("list", { name: "Filters" })).toBeVisible();
  await page.getByRole("button", { name: "Export" }).click();
  await expect(page.getByRole("dialog", { name: "Export traces" })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Views" }).click();
  await page.getByRole("menuitem").nth(2).click();
  await page.waitForLoadState("networkidle");
  for (const payload of [PAYLOADS[0], PAYLOADS[31], PAYLOADS[100], `agent:${PAYLOADS[12] ?? ""}`]) {
    await page.getByRole("searchbox", { name: "Filter traces" }).fill(payload ?? "");
    await page.keyboard.press("Enter");
    await page.waitForLoadState("networkidle");
  }
  guard.expectQuiet("traces");
  for (const list of ["Sessions", "Users"]) {
    await page.getByRole("navigation").getByRole("link", { name: list }).click();
    await settled(page);
    const all = await person.gateway.all(`/api/v1/${list.toLowerCase()}`, { range: "24h", sort: "last_activity" });
    await readVirtualTable(page.getByRole("table", { name: list }), all.length);
    guard.expectQuiet(list);
  }
});

test("S38 every tab of every kind of span shows payloads as text", async ({ page, guard, hostile: { everything, traces } }) => {
  test.setTimeout(240_000);
  await page.goto(`/traces/${everything.id}`);
  await settled(page);
  for (const spanId of everything.spans.slice(0, 7)) {
    await page.goto(`/traces/${everything.id}?span=${spanId}`);
    const panel = page.getByRole("region", { name: /^Span/ });
    for (const tab of ["Content", "Attributes", "Events and logs", "Raw"]) {
      await panel.getByRole("tab", { name: tab }).click();
      await expect(panel.getByRole("tabpanel")).toBeVisible();
      await panel.evaluate((element) => element.querySelectorAll("details").forEach((details) => (details.open = true)));
      // Lists and texts are shown in part until asked for.
      await clickAll(panel.getByRole("button", { name: /^\d+ more$|^show all/ }), 12);
    }
    guard.expectQuiet(`span ${spanId}`);
  }
  const content = page.getByRole("region", { name: /^Span/ });
  const expectLiteral = async () => {
    const shown = plain(await content.innerText());
    for (const payload of PAYLOADS) expect(shown).toContain(plain(payload));
  };
  // The result of a tool is a text; messages are Markdown, which leaves all but its own signs, and text to whoever wants it.
  await page.goto(`/traces/${everything.id}?span=${everything.spans[2] ?? ""}`);
  await content.getByRole("button", { name: /^show all/ }).first().click();
  await expectLiteral();
  await page.goto(`/traces/${everything.id}?span=${everything.spans[1] ?? ""}`);
  await content.getByRole("radio", { name: "Text", exact: true }).click();
  await expectLiteral();
  await content.getByRole("radio", { name: "Markdown", exact: true }).click();
  await expect(content.locator(".markdown").first()).toBeVisible();
  guard.expectQuiet("messages as Markdown");
  for (const path of [`/traces/${everything.id}?view=cost`, `/compare?a=${everything.id}&b=${encodeURIComponent(traces.one)}`, `/compare?a=${encodeURIComponent(traces.one)}&b=${encodeURIComponent(traces.other)}`]) {
    await page.goto(path);
    await settled(page);
    await clickAll(page.getByRole("button", { name: /^Show all/ }));
    guard.expectQuiet(path);
  }
  await page.goto(`/traces/${everything.id}?view=graph`);
  await settled(page);
  await page.getByText("As a list").click();
  await page.locator(".react-flow__node").nth(3).click();
  guard.expectQuiet("graph");
});

test("S38 single traces, sessions, users, jobs and dead letters show payloads as text", async ({ page, guard, hostile, people, expectedMessages }) => {
  expectedMessages.push("status of 404");
  test.setTimeout(240_000);
  await page.goto("/traces?sort=-duration_ms");
  await settled(page);
  await page.getByRole("table", { name: "Traces" }).getByRole("row").nth(3).click();
  for (let step = 0; step < 30; step += 1) {
    await expect(page.getByRole("region", { name: /^Span/ })).toBeVisible();
    const before = page.url();
    await page.keyboard.press("]");
    await expect(page).not.toHaveURL(before);
  }
  guard.expectQuiet("traces one by one");
  for (const path of [`/users/${encodeURIComponent(hostile.user)}`, `/sessions/${encodeURIComponent(hostile.session)}`, "/users/%3Cscript%3E", "/traces/%22%3E%3Cimg%20src=x%3E?view=graph&tab=raw"]) {
    await page.goto(path);
    await settled(page);
    guard.expectQuiet(path);
  }

  const constraint = `e2e_hostile_${hostile.person.workspaceId.replaceAll("-", "_")}`;
  const key = await people.key(hostile.person);
  const user = `hostile ${hostile.person.workspaceId}`;
  atDatabase(`alter table spans add constraint ${constraint} check (user_id is distinct from '${user}') not valid`);
  try {
    const trace = { trace_id: PAYLOADS[1], agent_id: PAYLOADS[14], user_id: user, input: PAYLOADS.join("\n"), metadata: Object.fromEntries(PAYLOADS.map((payload) => [payload.slice(0, 200), payload])), status: "success" };
    await hostile.person.gateway.post("/api/v1/traces", trace, { authorization: `Bearer ${key}` });
    await expect.poll(async () => (await hostile.person.gateway.data<unknown[]>("/api/v1/dead-letters")).length).toBe(1);
  } finally {
    atDatabase(`alter table spans drop constraint ${constraint}`);
  }
  await page.goto("/ingestion");
  await page.getByRole("region", { name: "Dead letters" }).locator("tbody").getByRole("button").first().click();
  await expect(page.getByRole("dialog", { name: "Dead letter" }).locator("pre")).toContainText("<script>");
  guard.expectQuiet("dead letter");

  const job = await hostile.person.gateway.post<{ data: { id: string } }>("/api/v1/exports", { format: "jsonl", range: "24h", filter: { field: "agent_id", op: "in", value: PAYLOADS.slice(0, 40) }, q: `"${PAYLOADS[0] ?? ""}"` });
  await page.goto(`/jobs?job=${job.data.id}`);
  await expect(page.getByRole("dialog", { name: "Export" }).locator("pre", { hasText: "<script>" })).toBeVisible();
  guard.expectQuiet("job");
});

test("S38 names of workspaces, people, keys and views are text", async ({ page, guard, hostile: { person } }) => {
  await page.goto("/settings");
  await settled(page);
  await page.getByRole("button", { name: /^Workspace/ }).click();
  await expect(page.getByRole("menuitem", { name: person.account.workspace })).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /^Account/ }).click();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Delete workspace" }).click();
  await expect(page.getByRole("dialog", { name: `Delete ${person.account.workspace}?` })).toBeVisible();
  await page.keyboard.press("Escape");
  for (const tab of ["Team", "API keys", "Account"]) {
    await page.getByRole("tab", { name: tab }).click();
    await page.waitForLoadState("networkidle");
    const remove = main(page).getByRole("button", { name: /^(Remove|Revoke) / });
    if (await remove.first().isVisible()) {
      await remove.first().click();
      await expect(page.getByRole("dialog")).toBeVisible();
      await page.keyboard.press("Escape");
    }
    guard.expectQuiet(tab);
  }
});

test("S38 what is saved of a table holds no formula", async ({ page, guard }) => {
  await page.goto("/usage");
  await settled(page);
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Distribution by agent: save as CSV" }).click();
  const text = readFileSync(await (await saving).path(), "utf8").replace(/^\uFEFF/, "");
  expect((await saving).suggestedFilename()).toBe("agents.csv");
  for (const formula of FORMULAS) expect(text).toContain(`'${formula.trim().replaceAll('"', '""')}`);
  const beginnings = [...text.matchAll(/(?:^|,|\r\n)"?([^",\r\n])/g)].map(([, sign]) => sign);
  expect(beginnings.filter((sign) => sign !== undefined && /[=+\-@\t\r]/.test(sign))).toEqual([]);
  guard.expectSaved("agents.csv");
});

/** Fails when something has reached what all objects share. */
async function expectUnpolluted(page: Page): Promise<void> {
  expect(await page.evaluate(() => ["injected", "public"].filter((name) => name in {}).concat(Object.keys(Object.prototype)))).toEqual([]);
}

test("S39 keys that name prototypes change nothing, in attributes, metadata and addresses, and stand there as they are", async ({ page, guard, hostile: { everything, polluting } }) => {
  const panel = page.getByRole("region", { name: "Span polluting" });
  for (const tab of ["attributes", "events"]) {
    await page.goto(`/traces/${everything.id}?span=${polluting}&tab=${tab}`);
    await expect(panel).toBeVisible();
    await clickAll(panel.locator("[aria-expanded=false]"));
    for (const key of Object.keys(POLLUTING)) await expect(panel.getByText(`${key}:`, { exact: true }).first(), `${tab}: ${key}`).toBeVisible();
    await expectUnpolluted(page);
  }
  const query = "__proto__[injected]=1&__proto__.injected=1&constructor.prototype.injected=1&constructor[prototype][injected]=1";
  for (const path of ["/dashboard", "/traces", "/cost", "/jobs", "/settings"]) {
    await page.goto(`${path}?${query}&environment=__proto__&by=__proto__&sort=constructor&users_sort=__proto__&models_sort=-toString&tab=__proto__&range=constructor&view=hasOwnProperty`);
    await settled(page);
    await expectUnpolluted(page);
    await expect(main(page).getByRole("alert"), path).toHaveCount(0);
    guard.expectQuiet(path);
  }
  await page.evaluate(() => {
    localStorage.setItem("aobs.traces.columns", "__proto__,constructor,time");
    sessionStorage.setItem("aobs.traces.list", '{"__proto__":{"injected":1},"href":"javascript:1","order":{"length":1}}');
  });
  await page.goto("/traces");
  await settled(page);
  await expect(page.getByRole("table", { name: "Traces" }).getByRole("columnheader")).toHaveText(["Time"]);
});
