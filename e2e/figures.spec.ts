import type {
  Activity, AgentShare, Alert, CallsOverTime, CostAnalytics, CostOverview, CostTrend, ErrorGroup, ErrorGroups, Figure, HomeKpis, LatencyOverTime, LatencyPoint,
  ModelCost, ModelFigures, NamedCost, NamedPerformance, PerformanceAnalytics, PerformanceOverview, SlowSpans, SourceCost, Throughput, TopUser, UsageOverview,
} from "../frontend/src/api/schema";
import { formatChange, formatCount, formatDuration, formatExact, formatMoney, formatMonth, formatPercent, formatRate, formatShare } from "../frontend/src/lib/format";
import { expect, seededTest as test } from "./fixtures";
import { addressOf, type Gateway, type Query } from "./support/gateway";
import { column, expectChart, expectFact, expectFigure, expectTable, type Format, moment, momentOf, readFacts, readList, words } from "./support/reading";

/** Ranges that pages show: the whole, and a part of it that an environment and a comparison cut out. */
const STATUS: Record<string, string> = { success: "Success", error: "Error", timeout: "Timeout" };
const named = (nameless: string) => (name: number | string | null) => (name === null ? nameless : String(name));
const share: Format = formatShare;

type Key<Data> = { [Name in keyof Data]: Data[Name] extends Figure ? Name : never }[keyof Data];

/** Key figures of a page: label, field of the answer, form. A new figure is a new line. */
const HOME: readonly [string, Key<HomeKpis>, Format][] = [
  ["Requests", "requests", formatCount],
  ["Average latency", "avg_latency_ms", formatDuration],
  ["p95 latency", "p95_latency_ms", formatDuration],
  ["Error rate", "error_rate", share],
  ["Cost", "cost_usd", formatMoney],
  ["Quality", "quality_score", formatCount],
];
const USAGE: readonly [string, Key<UsageOverview>, Format][] = [
  ["Calls", "calls", formatCount],
  ["Users", "unique_users", formatCount],
  ["Active agents", "active_agents", formatCount],
  ["Calls per user", "avg_calls_per_user", formatCount],
  ["Sessions", "sessions", formatCount],
  ["Tokens", "tokens_total", formatCount],
];
const COST: readonly [string, Key<CostOverview>, Format][] = [
  ["Spend", "cost_usd", formatMoney],
  ["Cost per call", "cost_per_request_usd", formatMoney],
  ["Cost per successful trace", "cost_per_success_usd", formatMoney],
  ["Input tokens from cache", "cached_share", share],
];
const PERFORMANCE: readonly [string, Key<PerformanceOverview>, Format][] = [
  ["p50 latency", "p50_latency_ms", formatDuration],
  ["p95 latency", "p95_latency_ms", formatDuration],
  ["p99 latency", "p99_latency_ms", formatDuration],
  ["Average latency", "avg_latency_ms", formatDuration],
  ["Error rate", "error_rate", share],
  ["Traces a minute", "throughput_per_minute", formatRate],
  ["First token, p95", "p95_ttft_ms", formatDuration],
];

const AGENTS = [
  column<AgentShare>("Agent", (row) => row.agent_id, named("No agent named")),
  column<AgentShare>("Calls", (row) => row.calls, formatCount),
  column<AgentShare>("Share", (row) => row.share_percent, formatPercent),
  column<AgentShare>("p50", (row) => row.p50_latency_ms, formatDuration),
  column<AgentShare>("p95", (row) => row.p95_latency_ms, formatDuration),
  column<AgentShare>("Errors", (row) => row.error_rate, share),
  column<AgentShare>("Model calls", (row) => row.llm_calls, formatCount),
  column<AgentShare>("Tool calls", (row) => row.tool_calls, formatCount),
  column<AgentShare>("Tokens", (row) => Number(row.tokens_total), formatCount),
  column<AgentShare>("Cost", (row) => row.cost_usd, formatMoney),
];
const changeOf = ({ value, change_percent: percent }: Figure) =>
  value === null ? "" : percent === null ? "new" : `${formatChange(percent)} ${Math.abs(percent) < 0.05 ? "unchanged" : percent > 0 ? "more" : "less"} than before`;
const USERS = [
  column<TopUser>("User", (row) => row.user_id, words),
  column<TopUser>("Calls", (row) => row.calls.value, formatCount),
  { label: "Change", value: () => null, text: (row: TopUser) => changeOf(row.calls) },
  column<TopUser>("Errors", (row) => row.errors, formatCount),
  column<TopUser>("Tokens", (row) => Number(row.tokens_total), formatCount),
  column<TopUser>("Cost", (row) => row.cost_usd, formatMoney),
  column<TopUser>("Last active", (row) => row.last_active, moment),
];
const MODELS = [
  column<ModelCost>("Model", (row) => row.model, named("No model named")),
  column<ModelCost>("Provider", (row) => row.provider, named("No provider named")),
  column<ModelCost>("Calls", (row) => row.calls, formatCount),
  column<ModelCost>("Input", (row) => Number(row.tokens_input), formatCount),
  column<ModelCost>("Cached", (row) => Number(row.tokens_cached), formatCount),
  column<ModelCost>("Output", (row) => Number(row.tokens_output), formatCount),
  column<ModelCost>("Cost", (row) => row.cost_usd, formatMoney),
  column<ModelCost>("Share", (row) => row.share_percent, formatPercent),
  column<ModelCost>("Per call", (row) => row.cost_per_call_usd, formatMoney),
  column<ModelCost>("Unpriced", (row) => row.unpriced_calls, formatCount),
];
const causes = (side: string, calls: string) => [
  column<NamedCost>(side, (row) => row.name, named(`No ${side.toLowerCase()} named`)),
  column<NamedCost>(calls, (row) => row.requests, formatCount),
  column<NamedCost>("Tokens", (row) => Number(row.tokens_total), formatCount),
  column<NamedCost>("Cost", (row) => row.cost_usd, formatMoney),
  column<NamedCost>("Share", (row) => row.share_percent, formatPercent),
];
const SOURCE_WORDS: Record<SourceCost["cost_source"], string> = {
  override: "Your price A price that this workspace has set",
  reported: "Reported The sender told the cost with the span",
  exact: "Price list The price list has a price for exactly this model",
  pattern: "Price list, by family The price list has a price for models named like this one",
  unpriced: "Unpriced Tokens, and no price: in no sum",
};
const SOURCES = [
  column<SourceCost>("Price from", (row) => row.cost_source, (source) => SOURCE_WORDS[source as SourceCost["cost_source"]]),
  column<SourceCost>("Spans", (row) => row.spans, formatCount),
  column<SourceCost>("Tokens", (row) => Number(row.tokens_total), formatCount),
  column<SourceCost>("Cost", (row) => (row.cost_source === "unpriced" ? null : row.cost_usd), formatMoney),
];
const ERRORS = [
  column<ErrorGroup>("Message", (row) => row.message, (message) => String(message || "No message")),
  column<ErrorGroup>("Type", (row) => row.type, words),
  column<ErrorGroup>("Spans", (row) => row.count, formatCount),
  column<ErrorGroup>("Share", (row) => row.share_percent, formatPercent),
  column<ErrorGroup>("Agents", ({ agents }) => `${agents[0] ?? "No agent named"}${agents.length > 1 ? ` and ${agents.length - 1} more` : ""}`, words),
  column<ErrorGroup>("First seen", (row) => row.first_seen, moment),
  column<ErrorGroup>("Last seen", (row) => row.last_seen, moment),
];
const SLOWEST = [
  column<SlowSpans>("Name", (row) => row.name ?? `All ${row.kind} spans`, words),
  column<SlowSpans>("Kind", (row) => row.kind, words),
  column<SlowSpans>("Spans", (row) => row.spans, formatCount),
  column<SlowSpans>("Errors", (row) => row.errors, formatCount),
  column<SlowSpans>("p50", (row) => row.p50_latency_ms, formatDuration),
  column<SlowSpans>("p95", (row) => row.p95_latency_ms, formatDuration),
];
const sides = (side: string) => [
  column<NamedPerformance>(side, (row) => row.name, named(`No ${side.toLowerCase()} named`)),
  column<NamedPerformance>(side === "Agent" ? "Traces" : "Calls", (row) => row.requests, formatCount),
  column<NamedPerformance>("Errors", (row) => row.error_rate, share),
  column<NamedPerformance>("p50", (row) => row.p50_latency_ms, formatDuration),
  column<NamedPerformance>("p95", (row) => row.p95_latency_ms, formatDuration),
  column<NamedPerformance>("p99", (row) => row.p99_latency_ms, formatDuration),
];
const COMPARED = [
  column<ModelFigures>("Model", (row) => row.model, named("No model named")),
  column<ModelFigures>("Calls", (row) => row.calls, formatCount),
  column<ModelFigures>("Errors", (row) => row.error_rate, share),
  column<ModelFigures>("p50", (row) => row.p50_latency_ms, formatDuration),
  column<ModelFigures>("p95", (row) => row.p95_latency_ms, formatDuration),
  column<ModelFigures>("p99", (row) => row.p99_latency_ms, formatDuration),
  column<ModelFigures>("First token", (row) => row.p50_ttft_ms, formatDuration),
  column<ModelFigures>("First token p95", (row) => row.p95_ttft_ms, formatDuration),
  column<ModelFigures>("Tokens/s", (row) => row.output_tokens_per_second || null, formatCount),
  column<ModelFigures>("Cost per call", (row) => row.cost_per_call_usd, formatMoney),
  column<ModelFigures>("Per 1 k tokens", (row) => row.cost_per_1k_tokens_usd, formatMoney),
];

interface Line {
  label: string;
  values: readonly (number | null)[];
}

const outcomes = ({ points }: Throughput): Line[] =>
  (["success", "error", "timeout"] as const).map((status) => ({ label: STATUS[status] ?? "", values: points.map((point) => point[status]) }));
const costs = ({ by_model }: CostTrend): Line[] =>
  by_model.map(({ model, is_other, cost_usd }) => ({ label: is_other ? "Other models" : (model ?? "No model named"), values: cost_usd }));
const calls = ({ by_agent }: CallsOverTime): Line[] =>
  by_agent.map(({ agent_id, is_other, calls: values }) => ({ label: is_other ? "Other agents" : (agent_id ?? "No agent named"), values }));
const added = (lines: Line[]) => lines.map(({ label, values }) => ({ label, values: values.map((_, end) => values.slice(0, end + 1).reduce<number>((sum, value) => sum + (value ?? 0), 0)) }));
const percentiles = ({ points }: LatencyOverTime, keys: readonly (readonly [string, Exclude<keyof LatencyPoint, "time">])[]): Line[] =>
  keys.map(([label, key]) => ({ label, values: points.map((point) => point[key]) }));
const LATENCY = [["p50", "p50_latency_ms"], ["p95", "p95_latency_ms"], ["p99", "p99_latency_ms"]] as const;
const TTFT = [["p50", "p50_ttft_ms"], ["p95", "p95_ttft_ms"]] as const;
const timesOf = ({ points }: { points: readonly { time: string }[] }) => points.map(({ time }) => time);

/** The same chart of the period before, as far back as the range is long in whole buckets. */
async function before<Data extends { from: string; to: string; granularity: string }>(gateway: Gateway, path: string, query: Query, chart: Data, times: readonly string[]): Promise<Data> {
  const [first, second] = times.map((time) => Date.parse(time)) as [number, number];
  const bucket = second - first;
  const shift = Math.floor((Date.parse(chart.to) - Date.parse(chart.from)) / bucket) * bucket;
  const moved = (time: number) => new Date(time - shift).toISOString();
  return gateway.data<Data>(path, { ...query, from: moved(first), to: moved(first + times.length * bucket), granularity: chart.granularity });
}

test("home shows what the gateway answers", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await page.goto(addressOf("/dashboard", range));
  const kpis = await gateway.data<HomeKpis>("/api/v1/metrics/home-kpis", range);
  for (const [label, key, format] of HOME) await expectFigure(page, label, kpis[key], format);
  const throughput = await gateway.data<Throughput>("/api/v1/performance/throughput", range);
  await expectChart(page, "Requests by outcome", outcomes(throughput), timesOf(throughput), formatCount);
  const trend = await gateway.data<CostTrend>("/api/v1/cost/trend", { ...range, limit: 6 });
  await expectChart(page, "Cost by model", costs(trend), trend.times, formatMoney);
  const activity = await gateway.data<Activity[]>("/api/v1/activity/stream", { limit: 12 });
  const rows = activity.map((row) => [
    STATUS[row.status], row.agent_id ?? row.name, (row.status === "success" ? null : row.error_message) ?? row.input_preview ?? row.name,
    formatDuration(row.duration_ms), formatMoney(row.cost_usd), momentOf(row.time),
  ]);
  const feed = (heading: string) => page.getByRole("heading", { name: heading }).locator("xpath=../..").getByRole("list");
  await expect.poll(() => readList(feed("Activity"))).toEqual(rows);
  const alerts = await gateway.data<Alert[]>("/api/v1/alerts/recent", { limit: 8 });
  expect(alerts.length).toBeGreaterThan(0);
  for (const [index, alert] of alerts.entries()) {
    const entry = feed("What stands out").getByRole("listitem").nth(index);
    await expect(entry).toContainText(alert.title);
    await expect(entry).toContainText(alert.message);
    await expect(entry).toContainText(alert.severity === "critical" ? "Critical" : "Warning");
  }
});

test("usage shows what the gateway answers", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await page.goto(addressOf("/usage", range));
  const overview = await gateway.data<UsageOverview>("/api/v1/usage/overview", range);
  for (const [label, key, format] of USAGE) await expectFigure(page, label, overview[key], format);
  const chart = await gateway.data<CallsOverTime>("/api/v1/usage/calls-over-time", { ...range, limit: 7 });
  await expectChart(page, "Calls over time by agent", calls(chart), chart.times, formatCount);
  await expectTable(page, "Distribution by agent", AGENTS, await gateway.data<AgentShare[]>("/api/v1/usage/agent-distribution", range), "Calls");
  await expectTable(page, "Top users", USERS, await gateway.data<TopUser[]>("/api/v1/usage/top-users", { ...range, limit: 50, sort: "calls" }), "Calls");
});

test("cost shows what the gateway answers", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await gateway.put("/api/v1/cost/budget", { monthly_usd: "12.50", thresholds_percent: [1, 50, 100] });
  await page.goto(addressOf("/cost", range));
  const overview = await gateway.data<CostOverview>("/api/v1/cost/overview", range);
  for (const [label, key, format] of COST) await expectFigure(page, label, overview[key], format);
  const { budget } = overview;
  await expectFact(page, "Budget left this month", formatMoney(budget.remaining_usd), `${formatPercent(budget.used_percent)} of $12.50 used`);
  await expectFact(page, "Unpriced spans", formatCount(overview.unpriced_spans), `${formatShare(overview.unpriced_share)} of spans with tokens`);
  expect(overview.unpriced_spans).toBeGreaterThan(0);
  await expect(page.getByText(`${formatExact(overview.unpriced_spans)} spans have no price (${formatShare(overview.unpriced_share)})`)).toBeVisible();
  const models = await gateway.data<ModelCost[]>("/api/v1/cost/by-model", { ...range, limit: 100 });
  const unpriced = models.filter(({ unpriced_calls: count }) => count > 0).map(({ model }) => model ?? "No model named");
  await expect(page.getByText(`Without a price: ${unpriced.join(", ")}.`)).toBeVisible();

  const card = page.getByRole("heading", { name: `Budget, ${formatMonth(budget.month)}` }).locator("xpath=../..");
  await expect(card.getByText(formatMoney(budget.spent_usd), { exact: true })).toBeVisible();
  await expect(card.getByText("of $12.50", { exact: true })).toBeVisible();
  expect(await readFacts(card.locator("dl"))).toEqual({
    Left: formatMoney(budget.remaining_usd),
    Used: formatPercent(budget.used_percent),
    Projected: formatMoney(budget.projected_usd),
    "80 % likely": `${formatMoney(budget.projected_low_usd)} – ${formatMoney(budget.projected_high_usd)}`,
  });
  await expect(card.getByRole("img")).toHaveAttribute(
    "aria-label",
    new RegExp(budget.thresholds_percent.map((percent) => `${percent} % ${budget.crossed_percent.includes(percent) ? "reached" : "not reached"}`).join(", ")),
  );

  const trend = await gateway.data<CostTrend>("/api/v1/cost/trend", { ...range, limit: 6 });
  await expectChart(page, "Cost by model", costs(trend), trend.times, formatMoney);
  await page.getByRole("radio", { name: "Cumulative" }).click();
  await expectChart(page, "Cumulative cost by model", added(costs(trend)), trend.times, formatMoney);
  await expectTable(page, "Cost by model", MODELS, models, "Cost");
  const analytics = await gateway.data<CostAnalytics>("/api/v1/analytics/costs", range);
  await expectTable(page, "Cost by agent", causes("Agent", "Traces"), analytics.by_agent, "Cost");
  await page.getByRole("radio", { name: "Environment" }).click();
  await expectTable(page, "Cost by environment", causes("Environment", "Traces"), analytics.by_environment, "Cost");
  await page.getByRole("radio", { name: "Provider" }).click();
  await expectTable(page, "Cost by provider", causes("Provider", "Model calls"), analytics.by_provider, "Cost");
  await expectTable(page, "How costs were found", SOURCES, overview.by_source, "Cost");
});

test("performance shows what the gateway answers", async ({ page, seeded: { gateway, traffic } }) => {
  const range = { from: traffic.from, to: traffic.to };
  await page.goto(addressOf("/performance", range));
  const overview = await gateway.data<PerformanceOverview>("/api/v1/performance/overview", range);
  for (const [label, key, format] of PERFORMANCE) await expectFigure(page, label, overview[key], format);
  await expectFact(page, "Output tokens a second", formatCount(overview.output_tokens_per_second), `first token, p50: ${formatDuration(overview.p50_ttft_ms.value)}`);
  expect(overview.p95_ttft_ms.value).toBeGreaterThan(200);
  const latency = await gateway.data<LatencyOverTime>("/api/v1/performance/latency", range);
  await expectChart(page, "Latency percentiles", percentiles(latency, LATENCY), timesOf(latency), formatDuration);
  await page.getByRole("radio", { name: "First token" }).click();
  await expectChart(page, "Time to first token, percentiles", percentiles(latency, TTFT), timesOf(latency), formatDuration);
  const throughput = await gateway.data<Throughput>("/api/v1/performance/throughput", range);
  await expectChart(page, "Requests by outcome", outcomes(throughput), timesOf(throughput), formatCount);

  const errors = await gateway.data<ErrorGroups>("/api/v1/performance/errors", { ...range, limit: 100 });
  await expect(page.getByText(`${formatExact(errors.total)} failed spans`)).toBeVisible();
  await expectTable(page, "Errors, grouped by what they say", ERRORS, errors.groups, "Spans");
  await expectTable(page, "Slowest spans by kind and name", SLOWEST, overview.slowest, "p95");
  const analytics = await gateway.data<PerformanceAnalytics>("/api/v1/analytics/performance", range);
  await expectTable(page, "Latency and errors by agent", sides("Agent"), analytics.by_agent, "p95");
  await page.getByRole("radio", { name: "Model", exact: true }).click();
  await expectTable(page, "Latency and errors by model", sides("Model"), analytics.by_model, "p95");
  await page.getByRole("radio", { name: "Tool" }).click();
  await expectTable(page, "Latency and errors by tool", sides("Tool"), analytics.by_tool, "p95");
  await expectTable(page, "Models compared", COMPARED, await gateway.data<ModelFigures[]>("/api/v1/analytics/models", range), "Calls");
});

test("an environment and the period before change what pages show as they change the answers", async ({ page, seeded: { gateway, traffic } }) => {
  const end = Date.parse(traffic.to);
  const range = { from: new Date(end - 2 * 86_400_000).toISOString(), to: traffic.to };
  const query: Query = { ...range, environment: "production" };
  await page.goto(addressOf("/performance", query));
  // Both are chosen by hand, and the address says so.
  await page.getByRole("button", { name: /^Time range/ }).click();
  await page.getByRole("switch", { name: "Compare with the period before" }).click();
  await expect(page).toHaveURL(/compare=1/);
  await page.keyboard.press("Escape");
  const overview = await gateway.data<PerformanceOverview>("/api/v1/performance/overview", query);
  for (const [label, key, format] of PERFORMANCE.slice(0, 5)) await expectFigure(page, label, overview[key], format);
  // Half hours are not kept of two days before two days, so that both are shown by the hour.
  const hourly = { ...query, granularity: "1h" };
  const latency = await gateway.data<LatencyOverTime>("/api/v1/performance/latency", hourly);
  const times = timesOf(latency);
  const earlier = await before<LatencyOverTime>(gateway, "/api/v1/performance/latency", query, latency, times);
  const lines = percentiles(earlier, LATENCY.slice(0, 2)).map(({ label, values }) => ({ label: `${label} before`, values }));
  await expectChart(page, "Latency percentiles", [...percentiles(latency, LATENCY), ...lines], times, formatDuration);
  const throughput = await gateway.data<Throughput>("/api/v1/performance/throughput", hourly);
  const was = await before<Throughput>(gateway, "/api/v1/performance/throughput", query, throughput, times);
  await expectChart(page, "Requests by outcome", [...outcomes(throughput), { label: "All, period before", values: was.points.map(({ requests }) => requests) }], times, formatCount);

  await page.getByRole("navigation").getByRole("link", { name: "Usage" }).click();
  await expect(page).toHaveURL(/\/usage.*environment=production.*compare=1/);
  const chart = await gateway.data<CallsOverTime>("/api/v1/usage/calls-over-time", { ...hourly, limit: 7 });
  const past = await before<CallsOverTime>(gateway, "/api/v1/usage/calls-over-time", { ...query, limit: 1 }, chart, chart.times);
  await expectChart(page, "Calls over time by agent", [...calls(chart), { label: "All, period before", values: past.calls }], chart.times, formatCount);
  await page.getByRole("navigation").getByRole("link", { name: "Cost" }).click();
  const trend = await gateway.data<CostTrend>("/api/v1/cost/trend", { ...hourly, limit: 6 });
  const spent = await before<CostTrend>(gateway, "/api/v1/cost/trend", { ...query, limit: 1 }, trend, trend.times);
  await expectChart(page, "Cost by model", [...costs(trend), { label: "Total, period before", values: spent.cost_usd }], trend.times, formatMoney);

  // The other environment, by hand.
  await page.getByRole("navigation").getByRole("link", { name: "Home" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
  await page.getByRole("button", { name: "Environment: production" }).click();
  await page.getByRole("menuitemcheckbox", { name: "production" }).click();
  await page.getByRole("menuitemcheckbox", { name: "staging" }).click();
  await page.keyboard.press("Escape");
  const kpis = await gateway.data<HomeKpis>("/api/v1/metrics/home-kpis", { ...range, environment: "staging" });
  for (const [label, key, format] of HOME) await expectFigure(page, label, kpis[key], format);
});
