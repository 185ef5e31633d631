import { randomBytes } from "node:crypto";
import { expect, test } from "./fixtures";
import { Keyboard } from "./keyboard";

const CONVERSATION = [
  { key: "openinference.span.kind", value: { stringValue: "LLM" } },
  { key: "gen_ai.operation.name", value: { stringValue: "chat" } },
  { key: "gen_ai.request.model", value: { stringValue: "gpt-4o" } },
  { key: "gen_ai.input.messages", value: { stringValue: '[{"role":"user","parts":[{"type":"text","content":"Where is my parcel?"}]}]' } },
  { key: "gen_ai.output.messages", value: { stringValue: '[{"role":"assistant","parts":[{"type":"text","content":"It arrives tomorrow."}]}]' } },
];

/** A trace as OTLP writes it: an agent that plans, which asks a model and calls a tool that fails. */
function agentTrace() {
  const traceId = randomBytes(16).toString("hex");
  const begun = Date.now() - 5_000;
  const [agent, plan, model, tool] = Array.from({ length: 4 }, () => randomBytes(8).toString("hex"));
  const span = (spanId: string | undefined, parentSpanId: string | undefined, name: string, order: number, more: object) => ({
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: 1,
    startTimeUnixNano: `${begun + order * 100}000000`,
    endTimeUnixNano: `${begun + 1_000 - order * 100}000000`,
    status: { code: 1 },
    ...more,
  });
  const spans = [
    span(agent, undefined, "answer a customer", 0, { attributes: [{ key: "gen_ai.agent.name", value: { stringValue: "parcel-bot" } }] }),
    span(plan, agent, "plan", 1, {}),
    span(model, plan, "chat gpt-4o", 2, { attributes: CONVERSATION }),
    span(tool, agent, "lookup_order", 3, { status: { code: 2, message: "no such order" } }),
  ];
  return { traceId, body: { resourceSpans: [{ resource: {}, scopeSpans: [{ scope: {}, spans }] }] } };
}

test("signs in, makes a key and signs out by keyboard", async ({ page, account }) => {
  const keyboard = new Keyboard(page);
  await page.goto("/login");
  await keyboard.moveTo(page.getByLabel("Email"));
  await keyboard.type(account.email);
  await keyboard.moveTo(page.getByLabel("Password"));
  await keyboard.type(account.password);
  await keyboard.press("Enter");
  await expect(page).toHaveURL("/dashboard");

  // The first stop leads past the navigation.
  await expect(page.getByRole("button", { name: "Create a key" })).toBeVisible();
  await keyboard.pressOn(page.getByRole("link", { name: "Skip to content" }));
  await keyboard.pressOn(page.getByRole("button", { name: "Create a key" }));
  await expect(page.getByRole("button", { name: "Copy the key" })).toBeFocused();

  await keyboard.press("g", ",");
  await expect(page).toHaveURL("/settings");
  await keyboard.moveTo(page.getByRole("tab", { name: "General" }));
  await keyboard.press("ArrowRight", "ArrowRight");
  await expect(page.getByRole("tab", { name: "API keys" })).toBeFocused();
  await keyboard.pressOn(page.getByRole("button", { name: "Create key" }));
  const dialog = page.getByRole("dialog", { name: "Create an API key" });
  await keyboard.moveTo(dialog.getByLabel("Name"));
  await keyboard.type("checkout-service");
  await keyboard.pressOn(dialog.getByRole("checkbox").nth(1), "Space");
  await keyboard.pressOn(dialog.getByRole("combobox", { name: "Expires" }));
  await expect(page.getByRole("listbox")).toBeVisible();
  await keyboard.press("ArrowDown", "Enter");
  await keyboard.pressOn(dialog.getByRole("button", { name: "Create" }));
  const made = page.getByRole("dialog", { name: "Key checkout-service" });
  await expect(made.getByLabel("Key", { exact: true })).toHaveText(/^ao_/);
  await keyboard.pressOn(made.getByRole("button", { name: "Done" }));
  await expect(page.getByRole("button", { name: "Create key" })).toBeFocused();
  await expect(page.getByRole("rowheader", { name: "checkout-service" })).toBeVisible();

  await keyboard.pressOn(page.getByRole("button", { name: /^Account/ }));
  await keyboard.moveTo(page.getByRole("menuitem", { name: "Sign out" }), "ArrowDown");
  await keyboard.press("Enter");
  await expect(page).toHaveURL("/login");
});

test("finds a trace, reads it and goes on to the next by keyboard", async ({ signedIn: page, storeTrace, api, request, gatewayUrl, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const keyboard = new Keyboard(page);
  const { traceId, body } = agentTrace();
  const older = await storeTrace({ agent_id: "parcel-bot", timestamp: new Date(Date.now() - 60_000).toISOString() });
  await storeTrace({ agent_id: "other-bot" });
  const key = ((await (await api.post("/api/v1/api-keys", { data: { name: "tests", scopes: ["ingest"] } })).json()) as { key: string }).key;
  expect(await request.post(`${gatewayUrl}/v1/traces`, { headers: { authorization: `Bearer ${key}` }, data: body })).toBeOK();
  await expect.poll(async () => (await api.get(`/api/v1/traces/${traceId}`)).status()).toBe(200);

  await keyboard.press("g", "t");
  const table = page.getByRole("table", { name: "Traces" });
  const rows = table.getByRole("row");
  await expect(rows).toHaveCount(4);
  await keyboard.press("/");
  await expect(page.getByRole("searchbox", { name: "Filter traces" })).toBeFocused();
  await keyboard.expectVisibleFocus();
  await keyboard.type("agent:parcel-bot");
  await keyboard.press("Enter");
  await expect(rows).toHaveCount(3);
  await keyboard.press("Escape");

  await keyboard.press("j", "j", "k");
  await expect(rows.nth(1)).toBeFocused();
  await keyboard.expectVisibleFocus();
  await keyboard.press("Enter");
  await expect(page).toHaveURL(`/traces/${traceId}`);

  const tree = page.getByRole("tree", { name: "Spans" });
  const selected = tree.getByRole("treeitem", { selected: true });
  await keyboard.moveTo(tree);
  await keyboard.press("ArrowDown");
  await expect(selected).toContainText("plan");
  await keyboard.press("ArrowLeft");
  await expect(selected).toHaveAttribute("aria-expanded", "false");
  await expect(tree.getByRole("treeitem")).toHaveCount(3);
  await keyboard.press("ArrowRight", "ArrowRight");
  await expect(selected).toContainText("chat gpt-4o");
  const active = await tree.getAttribute("aria-activedescendant");
  await expect(selected).toHaveAttribute("id", active ?? "none");
  await expect(page.getByRole("list", { name: "Conversation" })).toContainText("It arrives tomorrow.");
  await keyboard.press("ArrowLeft");
  await expect(selected).toContainText("plan");
  await keyboard.press("End");
  await expect(selected).toContainText("lookup_order");
  await keyboard.press("Home");
  await expect(selected).toContainText("answer a customer");
  await keyboard.press("e");
  await expect(selected).toContainText("lookup_order");
  await expect(page.getByRole("region", { name: "Span lookup_order" })).toContainText("no such order");

  await keyboard.moveTo(page.getByRole("tab", { name: "Content" }));
  await keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Attributes" })).toHaveAttribute("aria-selected", "true");
  await keyboard.press("End");
  await expect(page.getByRole("tabpanel", { name: "Raw" })).toContainText("lookup_order");

  await keyboard.moveTo(page.getByRole("button", { name: "Agents" }), "Shift+Tab");
  await keyboard.press("Enter");
  await expect(page.getByLabel(/^agent parcel-bot/)).toBeVisible();
  await keyboard.moveTo(page.getByRole("button", { name: "Tree and timeline" }), "Shift+Tab");
  await keyboard.press("Enter");
  await expect(tree).toBeVisible();

  await keyboard.moveTo(page.getByRole("button", { name: "Copy link" }), "Shift+Tab");
  await keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Copied" })).toBeFocused();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());

  await keyboard.press("]");
  await expect(page).toHaveURL(`/traces/${older}`);
  await keyboard.press("[");
  await expect(page).toHaveURL(`/traces/${traceId}`);
  await keyboard.press("]");
  await expect(page).toHaveURL(`/traces/${older}`);
  await expect(tree).toBeVisible();
  // Back in the list, with its filter and at the trace that was read last.
  await keyboard.press("Escape");
  await expect(page).toHaveURL(/\/traces\?agent_id=parcel-bot/);
  await expect(rows.nth(2)).toBeFocused();
});

test("exports, changes the range and gets the focus back from all that opens, by keyboard", async ({ signedIn: page, storeTrace }) => {
  const keyboard = new Keyboard(page);
  await storeTrace();
  await page.goto("/traces");
  await expect(page.getByRole("table", { name: "Traces" }).getByRole("row")).toHaveCount(2);

  const exporting = page.getByRole("button", { name: "Export" });
  await keyboard.pressOn(exporting);
  const dialog = page.getByRole("dialog", { name: "Export traces" });
  await keyboard.moveTo(dialog.getByRole("radio", { name: /CSV/ }));
  await keyboard.press("ArrowDown");
  await expect(dialog.getByRole("radio", { name: /JSON/ })).toBeChecked();
  await keyboard.pressOn(dialog.getByRole("button", { name: "Export" }));
  await expect(dialog.getByRole("link", { name: "Download" })).toBeVisible({ timeout: 30_000 });
  // Keys of the page do nothing behind a dialog.
  await keyboard.press("j", "?");
  await expect(page.getByRole("dialog")).toHaveCount(1);
  await keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(exporting).toBeFocused();

  const range = page.getByRole("button", { name: /^Time range/ });
  await keyboard.pressOn(range);
  await keyboard.pressOn(page.getByRole("button", { name: "Last 7 days" }));
  await expect(page).toHaveURL(/range=7d/);
  await expect(range).toBeFocused();

  const views = page.getByRole("button", { name: "Views" });
  await keyboard.moveTo(views, "Shift+Tab");
  await keyboard.press("Enter");
  await keyboard.moveTo(page.getByRole("menuitem", { name: /Save this view/ }), "ArrowDown");
  await keyboard.press("Enter");
  await expect(page.getByRole("dialog", { name: "Save this view" })).toBeVisible();
  await keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(views).toBeFocused();

  await keyboard.press("Control+k");
  await expect(page.getByRole("combobox", { name: "Search and commands" })).toBeFocused();
  await keyboard.expectVisibleFocus();
  await keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await expect(views).toBeFocused();
  await keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await keyboard.press("Escape");
  await expect(views).toBeFocused();
});
