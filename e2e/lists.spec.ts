import type { Page } from "@playwright/test";
import type { Facets, Graph, Session, SessionWithTraces, Span, SpanWithPayload, Trace, TraceWithSpans, User, UserDetail } from "../frontend/src/api/schema";
import { formatCount, formatDay, formatDuration, formatExact, formatMoney, formatShare, formatTimestamp, MISSING, shortId } from "../frontend/src/lib/format";
import { expect, seededTest as test } from "./fixtures";
import { addressOf, type Gateway } from "./support/gateway";
import { expectChart, momentOf, readFacts, readList, readTable, readVirtualTable } from "./support/reading";

const STATUS: Record<string, string> = { success: "Success", error: "Error", timeout: "Timeout" };
const joined = (names: readonly string[]) => names.join(", ") || MISSING;

/** Columns of the list of traces: id, head, what stands in a cell. */
const TRACE_COLUMNS: readonly [string, string, (trace: Trace) => string][] = [
  ["time", "Time", (trace) => momentOf(trace.start_time)],
  ["status", "Status", (trace) => STATUS[trace.status] ?? ""],
  ["agent", "Agent", (trace) => trace.agent_id ?? MISSING],
  ["name", "Name", (trace) => trace.name],
  ["preview", "Input", (trace) => (trace.status === "success" ? null : trace.error?.message) ?? trace.input_preview ?? MISSING],
  ["output", "Output", (trace) => trace.output_preview ?? MISSING],
  ["duration", "Duration", (trace) => formatDuration(trace.duration_ms)],
  ["tokens", "Tokens", (trace) => formatCount(trace.tokens_total)],
  ["cost", "Cost", (trace) => formatMoney(trace.cost_usd)],
  ["spans", "Spans", (trace) => formatCount(trace.span_count)],
  ["errors", "Failed spans", (trace) => formatCount(trace.error_count)],
  ["models", "Model", (trace) => joined(trace.models)],
  ["user", "User", (trace) => trace.user_id ?? MISSING],
  ["session", "Session", (trace) => (trace.session_id === null ? MISSING : shortId(trace.session_id, 16))],
  ["environment", "Environment", (trace) => trace.environment ?? MISSING],
  ["release", "Release", (trace) => trace.release ?? MISSING],
  ["tags", "Tags", (trace) => trace.tags.join(" ") || MISSING],
  ["scores", "Scores", (trace) => joined(Object.entries(trace.scores).map(([name, value]) => `${name} ${String(value)}`))],
  ["id", "Trace id", (trace) => shortId(trace.trace_id, 16)],
];
const SESSION_COLUMNS: readonly [string, (session: Session) => string][] = [
  ["Last activity", (session) => momentOf(session.last_activity)],
  ["Status", (session) => STATUS[session.status] ?? ""],
  ["Session", (session) => shortId(session.session_id, 20)],
  ["Began with", (session) => session.input_preview ?? MISSING],
  ["Agents", (session) => joined(session.agents)],
  ["User", (session) => joined(session.user_ids)],
  ["Traces", (session) => formatCount(session.trace_count)],
  ["Failed", (session) => formatCount(session.error_count)],
  ["Lasted", (session) => formatDuration(session.duration_ms)],
  ["Tokens", (session) => formatCount(session.tokens_total)],
  ["Cost", (session) => formatMoney(session.cost_usd)],
];
const USER_COLUMNS: readonly [string, (user: User) => string][] = [
  ["User", (user) => user.user_id],
  ["Last activity", (user) => momentOf(user.last_activity)],
  ["First", (user) => momentOf(user.first_activity)],
  ["Agents", (user) => joined(user.agents)],
  ["Sessions", (user) => formatCount(user.session_count)],
  ["Traces", (user) => formatCount(user.trace_count)],
  ["Failed", (user) => formatCount(user.error_count)],
  ["Error rate", (user) => formatShare(user.error_rate)],
  ["Tokens", (user) => formatCount(user.tokens_total)],
  ["Cost", (user) => formatMoney(user.cost_usd)],
];
const FACETS = ["status", "agent_id", "model", "environment", "tool_name", "tags", "error_type", "release", "provider"];
const FACET_NAMES: Record<string, string> = {
  status: "Status", agent_id: "Agent", model: "Model", environment: "Environment", tool_name: "Tool", tags: "Tag", error_type: "Error type", release: "Release", provider: "Provider",
};

test("the list of traces shows rows, facets and counts over time as the gateway answers them", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await page.addInitScript((ids) => localStorage.setItem("aobs.traces.columns", ids), TRACE_COLUMNS.map(([id]) => id).join(","));
  await page.goto(addressOf("/traces", { ...range, status: "error,success" }));
  const query = { ...range, status: ["error", "success"] };
  const traces = await gateway.all<Trace>("/api/v1/traces", query);
  expect(traces.length).toBeGreaterThan(150);
  const table = page.getByRole("table", { name: "Traces" });
  const rows = await readVirtualTable(table, traces.length);
  expect(rows).toEqual([TRACE_COLUMNS.map(([, label]) => label), ...traces.map((trace) => TRACE_COLUMNS.map(([, , text]) => text(trace)))]);
  await expect(page.getByText(`${formatCount(traces.length)} traces`, { exact: true })).toBeVisible();

  const { facets, histogram } = await gateway.data<Facets>("/api/v1/traces/facets", { ...query, facets: FACETS, limit: 8 });
  for (const { name, values } of facets.filter((facet) => facet.values.length > 0)) {
    const group = page.getByRole("complementary", { name: "Facets" }).getByRole("group", { name: FACET_NAMES[name] ?? name, exact: true });
    await expect(group.locator("label"), name).toHaveText(values.map(({ value, count }) => `${value}${formatCount(count)}`));
  }
  const expectHistogram = async (points: NonNullable<Facets["histogram"]>["points"]) => {
    const lines = (["success", "error", "timeout"] as const).map((status) => ({ label: STATUS[status] ?? "", values: points.map((point) => point[status]) }));
    await expectChart(page, "Traces over time", lines, points.map(({ time }) => time), formatCount);
  };
  await expectHistogram(histogram?.points ?? []);

  // Drawing over the chart chooses a range, and a facet a filter.
  const chart = page.getByRole("img", { name: /^Traces over time/ });
  const box = await chart.boundingBox();
  if (!box) throw new Error("the chart is not drawn");
  await expect(chart.locator("svg path").first()).toBeVisible();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 30, { steps: 4 });
  await page.mouse.up();
  await expect.poll(() => new URL(page.url()).searchParams.get("from")).not.toBe(range.from);
  const chosen = new URL(page.url()).searchParams;
  const narrowed = { ...query, from: chosen.get("from") ?? "", to: chosen.get("to") ?? "" };
  const fewer = await gateway.all<Trace>("/api/v1/traces", narrowed);
  expect(fewer.length).toBeLessThan(traces.length);
  await expect(page.getByText(new RegExp(`^${fewer.length} traces?$`))).toBeVisible();
  await page.getByRole("complementary", { name: "Facets" }).getByRole("checkbox", { name: /^gpt-4o \d/ }).click();
  const found = await gateway.all<Trace>("/api/v1/traces", { ...narrowed, model: "gpt-4o" });
  await expect(page.getByText(new RegExp(`^${found.length} traces?$`))).toBeVisible();
  const counted = await gateway.data<Facets>("/api/v1/traces/facets", { ...narrowed, model: "gpt-4o", facets: ["status"] });
  await expectHistogram(counted.histogram?.points ?? []);
});

test("a trace shows head, tree, spans, conversation and graph as the gateway answers them", async ({ page, seeded: { gateway, traffic } }) => {
  const path = `/api/v1/traces/${traffic.story}`;
  const trace = await gateway.data<TraceWithSpans>(path);
  await page.goto(`/traces/${traffic.story}`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(trace.name);
  const head = page.locator("dl").first();
  expect(trace.cost_source).toBe("partial");
  await expect.poll(() => readFacts(head)).toEqual({
    Status: STATUS[trace.status],
    Duration: formatDuration(trace.duration_ms),
    Cost: formatMoney(trace.cost_usd),
    Tokens: `${formatCount(trace.tokens_input)} in · ${formatCount(trace.tokens_output)} out`,
    Calls: `${trace.llm_call_count} model · ${trace.tool_call_count} tool`,
    Model: joined(trace.models),
    Agent: trace.agent_id,
    Session: trace.session_id,
    User: trace.user_id,
    Environment: trace.environment,
    Started: formatTimestamp(trace.start_time),
    "Trace id": shortId(trace.trace_id, 20),
  });
  await head.getByRole("button", { name: formatMoney(trace.cost_usd) }).focus();
  await expect(page.getByRole("tooltip")).toHaveText("Found for a part of the calls; the others have no known price");
  await expect(page.getByText("Some calls of this trace have no known price")).toBeVisible();

  const depth = new Map<string, number>();
  for (const span of trace.spans) depth.set(span.span_id, 1 + (span.parent_span_id === null ? 0 : (depth.get(span.parent_span_id) ?? 0)));
  const tree = page.getByRole("tree", { name: "Spans" });
  const read = () =>
    tree.evaluate((root) =>
      [...root.querySelectorAll("[role=treeitem]")].map((item) => [
        item.getAttribute("aria-level"), item.querySelector("[title]")?.textContent, ...[...item.querySelectorAll(".tabular")].map((part) => part.textContent),
      ]),
    );
  await expect.poll(read).toEqual(
    trace.spans.map((span) => [String(depth.get(span.span_id)), span.name, formatDuration(span.duration_ms), span.cost_usd === null ? "" : formatMoney(span.cost_usd)]),
  );
  for (const span of trace.spans) await expectSpan(gateway, page, path, span);

  await page.getByRole("button", { name: "Agents" }).click();
  const graph = await gateway.data<Graph>(`${path}/graph`);
  const nameOf = (id: string) => graph.nodes.find((node) => node.id === id)?.name ?? (id === "entry" ? "Entry" : id);
  for (const node of graph.nodes) {
    const drawn = page.getByLabel(`${node.kind} ${node.name ?? "Entry"}`, { exact: true });
    await expect(drawn).toContainText(`${formatCount(node.run_count)} × · ${formatDuration(node.duration_ms)}${node.cost_usd === null ? "" : ` · ${formatMoney(node.cost_usd)}`}`);
  }
  await page.getByText("As a list").click();
  const verbs: Record<string, string> = { parent: "called", handoff: "handed over to", link: "linked to", call: "used" };
  await expect(page.locator("details").getByRole("listitem")).toHaveText(
    graph.edges.map((edge) => `${nameOf(edge.source)} ${verbs[edge.kind]} ${nameOf(edge.target)} · ${formatCount(edge.count)} ×${edge.error_count > 0 ? ` · ${edge.error_count} failed` : ""}`),
  );
  await page.getByRole("button", { name: /^First failure/ }).click();
  await expect(page.getByRole("region", { name: "Span execute_tool print_label" })).toContainText("the printer is away");
});

async function expectSpan(gateway: Gateway, page: Page, path: string, span: Span): Promise<void> {
  await page.getByRole("treeitem").filter({ has: page.getByTitle(span.name, { exact: true }) }).click();
  const panel = page.getByRole("region", { name: `Span ${span.name}`, exact: true });
  const facts = await readFacts(panel.locator("dl"));
  expect(facts, span.name).toMatchObject({
    Duration: formatDuration(span.duration_ms),
    ...(span.model ? { Model: span.model } : {}),
    ...(span.tokens_total === null ? {} : { Tokens: `${formatExact(span.tokens_input)} in · ${formatExact(span.tokens_output)} out` }),
    ...(span.ttft_ms === null ? {} : { "First token": formatDuration(span.ttft_ms) }),
    ...(span.agent_id ? { Agent: span.agent_id } : {}),
    Started: formatTimestamp(span.start_time),
    "Span id": span.span_id,
  });
  if (span.tokens_total !== null) expect(facts.Cost).toContain(formatMoney(span.cost_usd));
  if (span.error?.message) await expect(panel).toContainText(span.error.message);
  const whole = await gateway.data<SpanWithPayload>(`${path}/spans/${span.span_id}`);
  const said = [...whole.messages, ...whole.output_messages] as { role: string; content: string | { text?: string }[] | null; tool_calls?: { name: string; arguments: unknown }[] }[];
  if (said.length > 0) {
    const entries = panel.getByRole("list", { name: "Conversation" }).getByRole("listitem");
    await expect(entries).toHaveCount(said.length);
    for (const [index, message] of said.entries()) {
      const parts = typeof message.content === "string" ? [message.content] : (message.content ?? []).map((part) => part.text ?? "");
      for (const text of [...parts, ...(message.tool_calls ?? []).map((call) => call.name)]) await expect(entries.nth(index)).toContainText(text);
      await expect(entries.nth(index)).toContainText(new RegExp(`^${message.role}`, "i"));
    }
  }
  if (whole.tool_result !== null) for (const value of Object.values(whole.tool_result as Record<string, string>)) await expect(panel).toContainText(value);
  await page.getByRole("tab", { name: "Attributes" }).click();
  for (const [key, value] of Object.entries(whole.attributes)) {
    if (typeof value !== "object") await expect(panel.getByRole("tabpanel")).toContainText(`${key}:${String(value)}`);
  }
  await page.getByRole("tab", { name: "Events and logs" }).click();
  for (const event of whole.events as { name: string }[]) await expect(panel.getByRole("tabpanel")).toContainText(event.name);
  await page.getByRole("tab", { name: "Content" }).click();
}

test("sessions and one of them show what the gateway answers", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await page.goto(addressOf("/sessions", range));
  const sessions = await gateway.all<Session>("/api/v1/sessions", { ...range, sort: "last_activity" });
  const rows = await readVirtualTable(page.getByRole("table", { name: "Sessions" }), sessions.length);
  expect(rows).toEqual([SESSION_COLUMNS.map(([label]) => label), ...sessions.map((session) => SESSION_COLUMNS.map(([, text]) => text(session)))]);
  await page.getByRole("button", { name: "Cost" }).click();
  const dearest = await gateway.all<Session>("/api/v1/sessions", { ...range, sort: "cost_usd" });
  await expect.poll(async () => (await readTable(page.getByRole("table", { name: "Sessions" }))).slice(1, 6)).toEqual(dearest.slice(0, 5).map((session) => SESSION_COLUMNS.map(([, text]) => text(session))));

  await page.goto(`/sessions/${traffic.session}`);
  const session = await gateway.data<SessionWithTraces>(`/api/v1/sessions/${traffic.session}`);
  await expect.poll(() => readFacts(page.getByRole("main").locator("dl"))).toEqual({
    Status: STATUS[session.status],
    Traces: formatCount(session.trace_count),
    Failed: formatCount(session.error_count),
    Cost: formatMoney(session.cost_usd),
    Tokens: formatCount(session.tokens_total),
    "Span of time": formatDuration(session.duration_ms),
    Began: formatTimestamp(session.first_activity),
    Agents: session.agents.join(", "),
    Users: session.user_ids.join(", "),
  });
  const turns = page.getByRole("list", { name: "Traces of the session" }).getByRole("listitem");
  await expect(turns).toHaveCount(session.traces.length);
  for (const [index, trace] of session.traces.entries()) {
    for (const text of [trace.agent_id, formatDuration(trace.duration_ms), formatMoney(trace.cost_usd), trace.input_preview, trace.output_preview, trace.status === "success" ? null : trace.error?.message]) {
      if (text) await expect(turns.nth(index)).toContainText(text);
    }
  }
});

test("users and one of them show what the gateway answers", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await page.goto(addressOf("/users", range));
  const users = await gateway.all<User>("/api/v1/users", { ...range, sort: "last_activity" });
  const rows = await readVirtualTable(page.getByRole("table", { name: "Users" }), users.length);
  expect(rows).toEqual([USER_COLUMNS.map(([label]) => label), ...users.map((user) => USER_COLUMNS.map(([, text]) => text(user)))]);

  await page.getByRole("cell", { name: traffic.user, exact: true }).click();
  const user = await gateway.data<UserDetail>(`/api/v1/users/${traffic.user}`);
  await expect(page).toHaveURL(`/users/${traffic.user}`);
  await expect.poll(() => readFacts(page.getByRole("main").locator("dl"))).toEqual({
    Traces: formatCount(user.trace_count),
    Sessions: formatCount(user.session_count),
    "Error rate": formatShare(user.error_rate),
    Cost: formatMoney(user.cost_usd),
    Tokens: formatCount(user.tokens_total),
    "First activity": momentOf(user.first_activity),
    "Last activity": momentOf(user.last_activity),
  });
  const days = user.activity.map(({ day }) => `${day.slice(0, 10)}T00:00:00`);
  await expectChart(
    page, "Traces a day",
    [
      { label: "Without failure", values: user.activity.map((day) => day.trace_count - day.error_count) },
      { label: "Failed", values: user.activity.map((day) => day.error_count) },
    ],
    days, formatCount,
  );
  expect(formatDay(days[0])).not.toBe(MISSING);
  const list = (heading: string) => page.getByRole("heading", { name: heading, exact: true }).locator("xpath=../..").getByRole("list");
  const shares = (entries: UserDetail["by_agent"]) => entries.map(({ name, trace_count: count }) => `${name}${formatCount(count)}`);
  await expect(list("Agents").getByRole("listitem")).toHaveText(shares(user.by_agent));
  await expect(list("Models").getByRole("listitem")).toHaveText(shares(user.by_model));
  await expect(list("What failed").getByRole("listitem")).toHaveText(
    user.errors.map(({ type, message, count }) => `${[type, message].filter(Boolean).join(": ")}${formatCount(count)} ×`),
  );
  expect(await readList(list("Latest traces"))).toEqual(
    user.recent_traces.map((trace) => [STATUS[trace.status], trace.input_preview ?? trace.name, formatDuration(trace.duration_ms), momentOf(trace.start_time)]),
  );
  expect(await readList(list("Latest sessions"))).toEqual(
    user.recent_sessions.map((session) => [shortId(session.session_id, 28), `${formatCount(session.trace_count)} traces`, momentOf(session.last_activity)]),
  );
});
