import { execFileSync } from "node:child_process";
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { expect, newAccount, openPalette, signIn, test } from "./fixtures";
import { enterAs, type Person } from "./support/people";
import { logOf } from "./support/platform";

const main = (page: Page) => page.getByRole("main");
const traces = (page: Page) => page.getByRole("table", { name: "Traces" });

/** A browser of its own, with the session of somebody. */
async function contextOf(browser: Browser, baseURL: string | undefined, person?: Person): Promise<BrowserContext> {
  const context = await browser.newContext({ ...(baseURL ? { baseURL } : {}) });
  if (person) await enterAs(context, person);
  return context;
}

test("registers, sends a trace with curl as the page says, sees it arrive, reads it, shares it, and signs out", async ({ page, browser, baseURL, people, expectedMessages }) => {
  expectedMessages.push("status of 404");
  const account = newAccount();
  await page.goto("/");
  await expect(page).toHaveURL("/login");
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Name").fill(account.full_name);
  await page.getByLabel("Email").fill(account.email);
  await page.getByLabel("Password").fill(account.password);
  await page.getByLabel("Workspace").fill(account.workspace);
  await page.getByRole("button", { name: "Create account" }).click();
  await expect(page).toHaveURL("/dashboard");
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();
  await page.getByRole("button", { name: "Create a key" }).click();
  const key = (await page.locator("[data-key]").textContent()) ?? "";
  await page.getByRole("tab", { name: "curl" }).click();
  const snippet = page.getByRole("tabpanel").locator("code");
  await expect(snippet).toContainText(`Bearer ${key}`);
  await page.evaluate(() => Object.assign(window, { untouched: true }));
  expect(execFileSync("sh", ["-c", (await snippet.textContent()) ?? ""], { encoding: "utf8" })).toContain('"accepted"');

  await main(page).getByRole("link", { name: /hello/ }).click();
  await expect(page).toHaveURL("/traces/hello-1");
  const span = page.getByRole("region", { name: /^Span/ });
  await expect(span).toContainText("Hello!");
  await page.getByRole("navigation").getByRole("link", { name: "Traces" }).click();
  await page.getByRole("complementary", { name: "Facets" }).getByRole("checkbox", { name: /hello/ }).click();
  await expect(page).toHaveURL("/traces?agent_id=hello");
  await expect(traces(page).getByRole("row")).toHaveCount(2);
  expect(await page.evaluate(() => "untouched" in window), "the page was never loaded again").toBe(true);

  // The same address shows the same to a colleague, and nothing to a stranger.
  const owner = await people.signIn(account);
  const colleague = await contextOf(browser, baseURL, await people.invite(owner, "member"));
  const shared = await colleague.newPage();
  await shared.goto(page.url());
  await expect(traces(shared).getByRole("row")).toHaveCount(2);
  await shared.goto("/traces/hello-1");
  await expect(shared.getByRole("region", { name: /^Span/ })).toContainText("Hello!");
  await colleague.close();
  const stranger = await contextOf(browser, baseURL, await people.register());
  const elsewhere = await stranger.newPage();
  await elsewhere.goto("/traces/hello-1");
  await expect(elsewhere.getByText("There is no such trace")).toBeVisible();
  await stranger.close();

  await page.getByRole("button", { name: /^Account/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page).toHaveURL("/login");
  await page.goBack();
  await expect(page).toHaveURL(/\/login/);
});

test("invites somebody by a link, changes their role, and removes them", async ({ signedIn: page, browser, baseURL, account, expectedMessages }) => {
  expectedMessages.push("status of 401");
  await page.goto("/settings?tab=team");
  await page.getByRole("button", { name: "Invite" }).click();
  const guest = newAccount({ full_name: "Grace Hopper" });
  await page.getByLabel("Email").fill(guest.email);
  await page.getByRole("combobox", { name: "Role" }).click();
  await page.getByRole("option", { name: "Viewer" }).click();
  await page.getByRole("button", { name: "Make a link" }).click();
  const link = (await page.getByLabel("Link", { exact: true }).textContent()) ?? "";
  await page.getByRole("button", { name: "Done" }).click();

  const context = await contextOf(browser, baseURL);
  const joining = await context.newPage();
  await joining.goto(new URL(link).pathname + new URL(link).search);
  await joining.getByLabel("Name").fill(guest.full_name);
  await joining.getByLabel("Password").fill(guest.password);
  await joining.getByRole("button", { name: "Join" }).click();
  await expect(joining).toHaveURL("/dashboard");
  await expect(joining.getByRole("button", { name: `Workspace ${account.workspace}` })).toBeVisible();
  // A link is good once.
  await joining.goto(new URL(link).pathname + new URL(link).search);
  await joining.getByRole("button", { name: "Join" }).click();
  await expect(joining.locator("form").getByRole("alert")).toContainText("not valid any more");

  await page.reload();
  const row = page.getByRole("row", { name: /Grace Hopper/ });
  await row.getByRole("combobox").click();
  await page.getByRole("option", { name: "Member" }).click();
  await page.getByRole("button", { name: "Change the role" }).click();
  await expect(row.getByRole("combobox")).toHaveText("Member");
  await joining.goto("/jobs");
  await expect(main(joining).getByText("No jobs yet")).toBeVisible();
  await row.getByRole("button", { name: "Remove Grace Hopper" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await expect(row).toHaveCount(0);
  // They are left with a workspace of their own.
  await joining.goto("/jobs");
  await expect(joining.getByRole("button", { name: /^Workspace Grace Hopper/ })).toBeVisible();
  await expect(joining.getByText(account.workspace)).toHaveCount(0);
  await context.close();
});

test("sets a forgotten password anew by the link in the gateway's log, once", async ({ page, account, expectedMessages }) => {
  expectedMessages.push("status of 401", "status of 422", "status of 400");
  await page.goto("/login");
  await page.getByRole("link", { name: "Forgotten your password?" }).click();
  const before = logOf("gateway").length;
  await page.getByLabel("Email").fill(account.email);
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByText("the link is on its way")).toBeVisible();
  const links = () => logOf("gateway").slice(before).filter(({ event }) => event === "password_reset_link").map(({ link }) => String(link));
  await expect.poll(() => links().length).toBe(1);
  const { pathname, search } = new URL(links()[0] ?? "");
  await page.goto(pathname + search);
  await page.getByLabel("New password").fill(`New-${account.password}`);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Your password is set. Sign in with it.")).toBeVisible();
  await signIn(page, account);
  await expect(page.locator("form").getByRole("alert")).toBeVisible();
  await signIn(page, { email: account.email, password: `New-${account.password}` });
  await expect(page).toHaveURL("/dashboard");
  await page.goto(pathname + search);
  await page.getByLabel("New password").fill(`Newer-${account.password}`);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.locator("form").getByRole("alert")).toBeVisible();
});

test("changes name and password in the settings, which ends other sessions and not this one", async ({ signedIn: page, account, people, browser, baseURL, expectedMessages }) => {
  expectedMessages.push("status of 401", "status of 403", "status of 422");
  const context = await contextOf(browser, baseURL);
  await context.addCookies(await people.cookiesOf(account));
  const other = await context.newPage();
  await other.goto("/dashboard");
  await expect(other.getByRole("heading", { level: 1 })).toHaveText("Home");
  await page.goto("/settings?tab=account");
  await page.getByLabel("Name", { exact: true }).fill("Ada King");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByRole("button", { name: "Account Ada King" })).toBeVisible();
  await page.getByLabel("Current password").fill("not-the-password-1");
  await page.getByLabel("New password").fill(`New-${account.password}`);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(main(page).getByText(/password/i).filter({ hasText: /wrong|not/i }).first()).toBeVisible();
  await page.getByLabel("Current password").fill(account.password);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByText(/^Changed\..*ended\.$/)).toBeVisible();
  // The empty home looks for a first trace by itself.
  await expect(other).toHaveURL(/\/login\?expired=1&next=%2Fdashboard/);
  await signIn(other, { email: account.email, password: `New-${account.password}` });
  await expect(other).toHaveURL("/dashboard");
  await context.close();
  await page.reload();
  await expect(page.getByLabel("Name", { exact: true })).toHaveValue("Ada King");
});

test("makes a workspace, goes back and forth between both, and deletes one by typing its name", async ({ signedIn: page, account, storeTrace }) => {
  await storeTrace();
  const second = `Second of ${account.workspace}`;
  const switcher = (name: string) => page.getByRole("button", { name: `Workspace ${name}`, exact: true });
  await switcher(account.workspace).click();
  await page.getByRole("menuitem", { name: "New workspace…" }).click();
  await page.getByLabel("Name").fill(second);
  await page.getByRole("button", { name: "Create workspace" }).click();
  await expect(switcher(second)).toBeVisible();
  await expect(page.getByRole("heading", { name: "Send your first trace" })).toBeVisible();

  await switcher(second).click();
  await page.getByRole("menuitem", { name: account.workspace, exact: true }).click();
  await expect(switcher(account.workspace)).toBeVisible();
  await expect(page.locator('[data-figure="Requests"]')).toHaveText("1");
  await switcher(account.workspace).click();
  await page.getByRole("menuitem", { name: second, exact: true }).click();
  await expect(switcher(second)).toBeVisible();

  await page.goto("/settings");
  await page.getByRole("button", { name: "Delete workspace" }).click();
  const dialog = page.getByRole("dialog", { name: `Delete ${second}?` });
  const remove = dialog.getByRole("button", { name: "Delete the workspace" });
  await dialog.getByLabel(`Type ${second} to confirm`).fill(account.workspace);
  await expect(remove).toBeDisabled();
  await dialog.getByLabel(`Type ${second} to confirm`).fill(second);
  await remove.click();
  await expect(page).toHaveURL("/login");
  await signIn(page, account);
  await switcher(account.workspace).click();
  await expect(page.getByRole("menuitem", { name: second, exact: true })).toHaveCount(0);
  await expect(page.getByRole("menuitem", { name: `${account.workspace} current` })).toBeVisible();
});

test("sets a budget with thresholds, is told which are reached, and removes it", async ({ signedIn: page, storeTrace }) => {
  await storeTrace({ cost_usd: 6 });
  await page.getByRole("navigation").getByRole("link", { name: "Cost" }).click();
  await page.getByRole("button", { name: "Set a budget" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Amount a month, USD").fill("ten");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByText("Give an amount above zero")).toBeVisible();
  await dialog.getByLabel("Amount a month, USD").fill("10");
  await dialog.getByLabel("Thresholds, percent").fill("50, 90");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(main(page).getByText("Threshold reached")).toBeVisible();
  await expect(main(page).getByRole("img", { name: /50 % reached, 90 % not reached/ })).toBeVisible();
  await storeTrace({ cost_usd: 5 });
  await expect(main(page).getByText("Exceeded", { exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Change budget" }).click();
  await dialog.getByRole("button", { name: "Remove budget" }).click();
  await expect(main(page).getByText("No budget", { exact: true })).toBeVisible();
});

test("deletes a trace where it is looked at, and every figure follows", async ({ signedIn: page, storeTrace, person }) => {
  await storeTrace({ trace_id: "kept, with & signs", status: "error", error: "no" });
  await storeTrace({ trace_id: "gone", cost_usd: 3 });
  await page.goto("/dashboard");
  await expect(page.locator('[data-figure="Requests"]')).toHaveText("2");
  await page.goto("/traces/gone");
  await page.getByRole("button", { name: "Delete this trace" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the trace" }).click();
  await expect(page).toHaveURL("/traces");
  await expect(traces(page).getByRole("row")).toHaveCount(2);
  expect((await person.gateway.request.get("/api/v1/traces/gone")).status()).toBe(404);
  await page.getByRole("navigation").getByRole("link", { name: "Home" }).click();
  await expect(page.locator('[data-figure="Requests"]')).toHaveText("1");
  await expect(page.locator('[data-figure="Error rate"]')).toHaveText("100 %");
  const palette = await openPalette(page);
  await palette.getByRole("combobox").fill("kept, with & signs");
  await palette.getByRole("option", { name: "Open trace kept, with & signs" }).click();
  await expect(page).toHaveURL("/traces/kept%2C%20with%20%26%20signs");
  await expect(page.getByRole("region", { name: /^Span/ })).toContainText("Where is my parcel?");
});

test("leads to what has an id that no address can hold by the list", async ({ signedIn: page, person, people }) => {
  const key = await people.key(person);
  const trace = { trace_id: "team/7", agent_id: "clerk, senior", user_id: "arn:user/ada", session_id: "a/b", latency_ms: 5, status: "success" };
  await person.gateway.post("/api/v1/traces", trace, { authorization: `Bearer ${key}` });
  await expect.poll(async () => (await person.gateway.data<unknown[]>("/api/v1/traces", { trace_id: "team/7" })).length).toBe(1);
  for (const [list, noun] of [["/traces", "trace"], ["/sessions", "session"], ["/users", "user"]] as const) {
    await page.goto(list);
    await main(page).getByRole("row").nth(1).click();
    await expect(main(page).getByText(`This ${noun} has no page`)).toBeVisible();
    await page.getByRole("link", { name: "Show it in the list of traces" }).click();
    await expect(traces(page).getByRole("row")).toHaveCount(2);
  }
  // Commas in names divide nothing.
  await page.goto("/usage");
  await page.getByRole("link", { name: "clerk, senior" }).click();
  await expect(traces(page).getByRole("row")).toHaveCount(2);
  await expect(page.getByRole("list", { name: "Filters" })).toContainText("clerk, senior");
});
