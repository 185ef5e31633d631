import type { Page } from "@playwright/test";
import type { CostOverview } from "../frontend/src/api/schema";
import { formatMoney } from "../frontend/src/lib/format";
import { expect, openPalette, type Seeded, test } from "./fixtures";
import { enterAs, type Person, type Role } from "./support/people";

const EVERYTHING = ["Home", "Traces", "Sessions", "Users", "Usage", "Cost", "Performance", "Ingestion", "Prices", "Jobs", "Settings"];
const PATHS: Record<string, string> = Object.fromEntries(EVERYTHING.map((name) => [name, name === "Home" ? "/dashboard" : `/${name.toLowerCase()}`]));

/** Pages of each role, and tabs of its settings. */
const ROLES: Readonly<Record<Exclude<Role, "owner">, { pages: readonly string[]; tabs: readonly string[] }>> = {
  admin: { pages: EVERYTHING, tabs: ["General", "Team", "API keys", "Account"] },
  member: { pages: EVERYTHING, tabs: ["General", "API keys", "Account"] },
  viewer: { pages: EVERYTHING.filter((name) => name !== "Jobs"), tabs: ["General", "Account"] },
  billing: { pages: ["Cost", "Settings"], tabs: ["General", "Account"] },
};

/** What the pages of a workspace with traffic let each role do: where it is, and who has it. */
const CONTROLS: readonly [page: string, control: string, roles: readonly Role[]][] = [
  ["Traces", "Export", ["admin", "member"]],
  ["trace", "Delete this trace", ["admin"]],
  ["trace", "Copy link", ["admin", "member", "viewer"]],
  ["Cost", "Change budget", ["admin", "billing"]],
  ["Ingestion", "Dead letters, state", ["admin"]],
  ["Jobs", "Export traces", ["admin", "member"]],
  ["Settings", "Save", ["admin"]],
  ["Settings?tab=team", "Invite", ["admin"]],
  ["Settings?tab=keys", "Create key", ["admin", "member"]],
  ["Settings", "Delete workspace", []],
];

const TAB_NAMES: Record<string, string> = { "Settings?tab=team": "Team", "Settings?tab=keys": "API keys" };

const main = (page: Page) => page.getByRole("main");
const control = (page: Page, name: string) =>
  name === "Dead letters, state" ? main(page).getByRole("combobox", { name: "State" }) : main(page).getByRole("button", { name, exact: true });

/** People of all roles in the workspace with traffic, invited and signed in; made once for all tests of this file. */
const byWorkspace = new Map<string, Promise<Record<Exclude<Role, "owner">, Person>>>();
const team = test.extend<{ colleagues: Record<Exclude<Role, "owner">, Person> }>({
  colleagues: async ({ people, seeded }, use) => {
    const { workspaceId } = seeded.person;
    const made =
      byWorkspace.get(workspaceId) ??
      (async () => {
        const [admin, member, viewer, billing] = [
          await people.invite(seeded.person, "admin"), await people.invite(seeded.person, "member"),
          await people.invite(seeded.person, "viewer"), await people.invite(seeded.person, "billing"),
        ];
        return { admin, member, viewer, billing };
      })();
    byWorkspace.set(workspaceId, made);
    await use(await made);
  },
});

function pathOf(name: string, { traffic }: Seeded): string {
  if (name === "trace") return `/traces/${traffic.story}`;
  const [page = "", query] = name.split("?");
  return `${PATHS[page] ?? ""}${query ? `?${query}` : ""}`;
}

for (const role of ["admin", "member", "viewer", "billing"] as const) {
  team(`${role}: is offered what the role allows, everywhere, and nothing else`, async ({ page, seeded, colleagues }) => {
    const { pages, tabs } = ROLES[role];
    await enterAs(page.context(), colleagues[role]);
    await page.goto("/");
    await expect(page).toHaveURL(PATHS[pages[0] ?? ""] ?? "");
    await expect(page.getByRole("navigation", { name: "Main" }).getByRole("link")).toHaveText([...pages]);
    const palette = await openPalette(page);
    await expect(palette.getByRole("group", { name: "Pages" }).getByRole("option")).toHaveText([...pages]);
    await page.keyboard.type("x");
    await expect(palette.getByText("Open trace")).toHaveCount(role === "billing" ? 0 : 1);
    await page.keyboard.press("Escape");
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    for (const name of EVERYTHING) await expect(help.getByText(name, { exact: true }), name).toHaveCount(pages.includes(name) ? 1 : 0);
    await page.keyboard.press("Escape");

    // By address, what the role does not allow is said to be so.
    for (const name of EVERYTHING.filter((candidate) => !pages.includes(candidate) && candidate !== "Home")) {
      await page.goto(PATHS[name] ?? "");
      await expect(main(page).getByRole("alert"), name).toContainText("You may not see this");
      await expect(main(page).getByRole("alert"), name).toContainText("An owner or administrator of the workspace can give you another role.");
    }
    for (const name of new Set(CONTROLS.map(([where]) => where))) {
      const allowed = name === "trace" ? pages.includes("Traces") : pages.includes(name.split("?")[0] ?? "");
      if (!allowed) continue;
      await page.goto(pathOf(name, seeded));
      await expect(main(page).getByRole("heading").first(), name).toBeVisible();
      await page.waitForLoadState("networkidle");
      const tab = TAB_NAMES[name];
      await expect(main(page).getByRole("alert").filter({ hasText: "You may not see this" }), name).toHaveCount(tab === undefined || tabs.includes(tab) ? 0 : 1);
      for (const [, button, roles] of CONTROLS.filter(([where]) => where === name)) {
        await expect(control(page, button), `${button} for ${role}`).toHaveCount(roles.includes(role) ? 1 : 0);
      }
    }
    await page.goto("/settings");
    await expect(page.getByRole("tab")).toHaveText([...tabs]);
    await expect(page.getByLabel("Slug"), "the form of the workspace").toBeEnabled({ enabled: role === "admin" });
  });
}

team("a billing user sees what things cost and sets the budget, and nothing of traces", async ({ page, seeded, colleagues: { billing } }) => {
  const requests: string[] = [];
  page.on("request", (request) => requests.push(new URL(request.url()).pathname));
  await enterAs(page.context(), billing);
  await page.goto("/cost?range=7d");
  const overview = await seeded.gateway.data<CostOverview>("/api/v1/cost/overview", { range: "7d" });
  await expect(page.locator('[data-figure="Spend"]')).toHaveText(formatMoney(overview.cost_usd.value));
  await expect(page.getByRole("table", { name: "Cost by model" })).toBeVisible();
  await expect(main(page).locator('a[href^="/traces"], a[href^="/users"], a[href^="/sessions"]')).toHaveCount(0);
  await page.getByRole("button", { name: "Change budget" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Amount a month, USD").fill("77");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.getByText("of $77.00", { exact: true })).toBeVisible();
  for (const path of [`/traces/${seeded.traffic.story}`, `/compare?a=${seeded.traffic.story}&b=${seeded.traffic.judged}`, `/sessions/${seeded.traffic.session}`, `/users/${seeded.traffic.user}`]) {
    await page.goto(path);
    await expect(main(page).getByRole("alert")).toContainText("You may not see this");
  }
  expect(requests.filter((path) => /\/api\/v1\/(traces|sessions|users|activity|alerts|usage|performance|ingestion|dead-letters|jobs|views|agents|ws-ticket)/.test(path))).toEqual([]);
});

team("the gateway refuses what the pages do not offer", async ({ colleagues, seeded: { traffic } }) => {
  const tries: readonly [Role, string, string, unknown, number][] = [
    ["viewer", "POST", "/api/v1/api-keys", { name: "k", scopes: ["read"] }, 403],
    ["viewer", "PUT", "/api/v1/cost/budget", { monthly_usd: "1" }, 403],
    ["viewer", "DELETE", `/api/v1/traces/${traffic.story}`, undefined, 403],
    ["viewer", "POST", "/api/v1/exports", { format: "csv", range: "1h" }, 403],
    ["viewer", "GET", "/api/v1/dead-letters", undefined, 403],
    ["member", "DELETE", `/api/v1/traces/${traffic.story}`, undefined, 403],
    ["member", "GET", "/api/v1/team/members", undefined, 403],
    ["member", "POST", "/api/v1/api-keys", { name: "k", scopes: ["admin"] }, 403],
    ["billing", "GET", "/api/v1/traces", undefined, 403],
    ["billing", "GET", `/api/v1/traces/${traffic.story}`, undefined, 403],
    ["billing", "POST", "/api/v1/ws-ticket", {}, 403],
    ["admin", "DELETE", "/api/v1/workspace", undefined, 403],
  ];
  for (const [role, method, path, data, status] of tries) {
    const answer = await colleagues[role as Exclude<Role, "owner">].gateway.request.fetch(path, { method, ...(data === undefined ? {} : { data }) });
    expect(answer.status(), `${role}: ${method} ${path}`).toBe(status);
  }
});

test("a viewer of an empty workspace is told whom to ask for a key", async ({ page, people, person }) => {
  await enterAs(page.context(), await people.invite(person, "viewer"));
  await page.goto("/dashboard");
  await expect(page.getByText("Ask an owner, administrator or member of the workspace for one")).toBeVisible();
  await expect(page.getByRole("button", { name: "Create a key" })).toHaveCount(0);
});
