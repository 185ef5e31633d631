import { type OtlpSpan, newSpanId, newTraceId, otlpBody } from "./otlp";
import type { People, Person } from "./people";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const AGENTS = ["support-bot", "research, deep", "billing-bot", "triage"];
const MODELS = [
  { model: "gpt-4o", model_provider: "openai" },
  { model: "gpt-4o-mini", model_provider: "openai" },
  { model: "claude-3-5-sonnet-20241022", model_provider: "anthropic" },
  { model: "gemini-1.5-pro", model_provider: "google" },
  { model: "house-model-7b", model_provider: "house" },
];
const USERS = ["ada", "bob", "Änne Weiß", "d/e", "user-with-a-rather-long-name@example.com", null];
const ENVIRONMENTS = ["production", "staging", undefined];
const FAILURES = [
  { type: "TimeoutError", message: "no answer after 30 s" },
  { type: "TimeoutError", message: "no answer after 45 s" },
  { type: "RateLimitError", message: "the provider refuses: too many requests" },
];

/** What was sent into the workspace that the tests of figures read. */
export interface Traffic {
  /** A range of whole hours in which everything lies, and that has a period before with traces in it. */
  from: string;
  to: string;
  session: string;
  user: string;
  /** A trace of several agents, tools, messages, events and a failure. */
  story: string;
  /** A flat trace with tags, metadata, scores and feedback. */
  judged: string;
}

/** Traces of nine days by all doors, some refused, repeated, judged or without a price. */
export async function sendTraffic(people: People, person: Person): Promise<Traffic> {
  const key = await people.key(person, ["ingest"], "checkout service");
  const other = await people.key(person, ["ingest"], "research");
  const sender = await people.gatewayFor(key);
  const receipts: string[] = [];
  const send = async (path: string, data: unknown, with_ = key) => {
    const answer = await sender.request.post(path, { data, headers: { authorization: `Bearer ${with_}` } });
    if (answer.status() >= 300) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
    receipts.push(answer.headers()["x-receipt-id"] ?? "");
  };
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  const flat = flatTraces(now);
  await send("/api/v1/traces/batch", { traces: flat.slice(0, 100) });
  await send("/api/v1/traces/batch", { traces: flat.slice(100) }, other);
  await send("/api/v1/traces/batch", { traces: outage(now) });
  // Sent again, so that there are duplicates; too old, so that there are refusals.
  await send("/api/v1/traces/batch", { traces: flat.slice(0, 5) });
  const old = { ...flat[0], timestamp: new Date(now - 400 * DAY).toISOString() };
  await send("/api/v1/traces/batch", { traces: [{ ...old, trace_id: "old-1" }, { ...old, trace_id: "old-2" }, { ...flat[1], trace_id: "late-1" }] });
  const story = newTraceId();
  await send("/v1/traces", otlpBody({ spans: storySpans(story, now - 90 * MINUTE), resource: { "service.name": "shop", "deployment.environment.name": "production", "telemetry.sdk.language": "python" } }));
  for (let index = 0; index < 12; index += 1) {
    const at = now - 2 * HOUR - index * 5 * HOUR;
    await send("/v1/traces", otlpBody({ spans: streamedSpans(newTraceId(), at, index), resource: { "service.name": "writer", "deployment.environment.name": ENVIRONMENTS[index % 2] ?? "" } }), other);
  }
  const judged = "flat-1";
  await send("/api/v1/scores", { trace_id: judged, name: "helpful", value: 0.75, source: "user" });
  await send("/api/v1/scores", { trace_id: judged, name: "tone", value: "friendly", source: "judge" });
  await send("/api/v1/feedback", { trace_id: judged, rating: 1, comment: "quick" });
  await send("/api/v1/client-reports", { created: 500, delivered: 450, sampled: 30, dropped: { queue_full: 12, shutdown: 3 } });
  await person.gateway.put("/api/v1/cost/budget", { monthly_usd: "12.50", thresholds_percent: [1, 50, 100] });
  for (const [index, receipt] of receipts.entries()) await person.gateway.settle(receipt, index === 1 ? other : key);
  const hour = Math.ceil((now + MINUTE) / HOUR) * HOUR;
  return {
    from: new Date(hour - 5 * DAY).toISOString(),
    to: new Date(hour).toISOString(),
    session: "s-3",
    user: "ada",
    story,
    judged,
  };
}

/** 180 traces, one an hour and a bit, of all agents, models, users, ends and sizes. */
function flatTraces(now: number) {
  return Array.from({ length: 180 }, (_, index) => {
    const failure = index % 7 === 3 ? FAILURES[index % FAILURES.length] : undefined;
    const priced = index % 9 === 4 ? {} : MODELS[(index * 3 + (index >> 3)) % MODELS.length];
    return {
      trace_id: `flat-${index}`,
      agent_id: AGENTS[(index * 5 + (index >> 2)) % AGENTS.length],
      timestamp: new Date(now - 3 * MINUTE - index * 71 * MINUTE).toISOString(),
      input: `Question ${index}: where is my parcel?`,
      output: failure ? null : `Answer ${index}: it arrives tomorrow.`,
      latency_ms: 80 + ((index * 137) % 61) ** 2,
      status: failure ? "error" : index % 23 === 5 ? "timeout" : "success",
      ...(failure ? { error: failure } : {}),
      ...priced,
      tokens_input: 40 + ((index * 53) % 997),
      tokens_output: 5 + ((index * 29) % 311),
      tokens_cached: (index * 53) % 40,
      user_id: USERS[(index * 7) % USERS.length],
      session_id: index % 4 === 3 ? null : `s-${Math.floor(index / 4)}`,
      environment: ENVIRONMENTS[(index >> 1) % ENVIRONMENTS.length],
      release: index < 60 ? "v2" : "v1",
      tags: index % 5 === 0 ? ["beta", `cohort ${index % 3}`] : [],
      metadata: { plan: index % 2 ? "pro" : "free", attempt: index % 4 },
      ...(index % 11 === 2 ? { cost_usd: 0.0123 + index / 1000 } : {}),
    };
  });
}

/** An agent that was well the day before and fails in one hour of today. */
function outage(now: number) {
  const at = (index: number) => (index < 45 ? now - 9 * HOUR - index * 10 * MINUTE : now - HOUR - (index - 45) * 20_000);
  return Array.from({ length: 85 }, (_, index) => ({
    trace_id: `order-${index}`,
    agent_id: "order-bot",
    timestamp: new Date(at(index)).toISOString(),
    latency_ms: 200 + index,
    ...(index >= 45 && index % 2 ? { status: "error", error: FAILURES[2] } : { status: "success" }),
    environment: "production",
  }));
}

/** Model calls that stream: their first token came before the last. */
function streamedSpans(traceId: string, start: number, index: number): OtlpSpan[] {
  const root = newSpanId();
  return [
    { traceId, spanId: root, name: "invoke_agent writer", start, duration: 2_000 + 130 * index, attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer", "user.id": index % 2 ? "ada" : "bob", "session.id": `w-${index % 3}` } },
    {
      traceId, spanId: newSpanId(), parentSpanId: root, name: "chat gpt-4o-mini", start: start + 50, duration: 1_700 + 120 * index,
      attributes: {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 800 + index, "gen_ai.usage.output_tokens": 220 + 3 * index, "gen_ai.response.time_to_first_chunk": 0.21 + index / 50,
      },
    },
  ];
}

/** Two agents, a hand-over, a tool that works and one that fails, a conversation and events. */
function storySpans(traceId: string, start: number): OtlpSpan[] {
  const [root, plan, tool, handoff, second, answer, failing] = Array.from({ length: 7 }, newSpanId) as [string, string, string, string, string, string, string];
  const common = { "session.id": "story", "user.id": "ada" };
  const asked = [
    { role: "system", parts: [{ type: "text", content: "You help shoppers." }] },
    { role: "user", parts: [{ type: "text", content: "Where is order AB-17, and may I return it?" }] },
  ];
  const called = [{ role: "assistant", parts: [{ type: "tool_call", id: "call-1", name: "find_order", arguments: { order: "AB-17" } }], finish_reason: "tool_call" }];
  const said = [{ role: "assistant", parts: [{ type: "text", content: "It arrives tomorrow; you may return it for 30 days." }], finish_reason: "stop" }];
  const model = (name: string, tokens: [number, number]) => ({
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": name, "gen_ai.response.model": name,
    "gen_ai.usage.input_tokens": tokens[0], "gen_ai.usage.output_tokens": tokens[1],
  });
  return [
    { traceId, spanId: root, name: "invoke_agent front desk", start, duration: 5_200, attributes: { ...common, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "front desk" } },
    {
      traceId, spanId: plan, parentSpanId: root, name: "chat gpt-4o", start: start + 20, duration: 900,
      attributes: { ...model("gpt-4o", [420, 32]), "gen_ai.response.time_to_first_chunk": 0.3, "gen_ai.input.messages": JSON.stringify(asked), "gen_ai.output.messages": JSON.stringify(called) },
    },
    {
      traceId, spanId: tool, parentSpanId: root, name: "execute_tool find_order", start: start + 950, duration: 340,
      attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find_order", "gen_ai.tool.call.arguments": '{"order":"AB-17"}', "gen_ai.tool.call.result": '{"state":"on its way","day":"tomorrow"}' },
      events: [{ name: "cache.miss", at: start + 960, attributes: { store: "orders" } }],
    },
    { traceId, spanId: handoff, parentSpanId: root, name: "handoff from front desk to returns", start: start + 1_300, duration: 5, attributes: { "gen_ai.handoff.from_agent": "front desk", "gen_ai.handoff.to_agent": "returns" } },
    { traceId, spanId: second, parentSpanId: root, name: "invoke_agent returns", start: start + 1_320, duration: 3_700, attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "returns" } },
    { traceId, spanId: failing, parentSpanId: second, name: "execute_tool print_label", start: start + 1_340, duration: 1_200, error: "the printer is away", attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "print_label", "error.type": "PrinterError" } },
    {
      traceId, spanId: answer, parentSpanId: second, name: "chat house-model-7b", start: start + 2_600, duration: 2_300,
      attributes: { ...model("house-model-7b", [610, 48]), "gen_ai.input.messages": JSON.stringify(asked), "gen_ai.output.messages": JSON.stringify(said) },
    },
  ];
}
