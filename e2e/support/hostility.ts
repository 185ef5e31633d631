import { newSpanId, newTraceId, otlpBody } from "./otlp";
import { CANARY, PAYLOADS } from "./payloads";
import { newAccount, type People, type Person } from "./people";

/** A workspace in which every text is one of the payloads. */
export interface Hostile {
  person: Person;
  /** A trace whose spans hold every payload in every kind of content. */
  everything: { id: string; spans: readonly string[] };
  /** A span of that trace with attributes whose keys name prototypes. */
  polluting: string;
  user: string;
  session: string;
  /** Two of the traces of one span. */
  traces: { one: string; other: string };
}

const at = (index: number) => PAYLOADS[index % PAYLOADS.length] ?? "";
/** What a name may be: shorter, and without control characters. */
const NAMES = PAYLOADS.filter((payload) => payload.length <= 90 && !/[\p{Cc}\u2028\u2029\ufeff]/u.test(payload) && payload.trim() === payload);
const nameAt = (index: number) => NAMES[index % NAMES.length] ?? "";

/** Sends all payloads through all doors into all fields, and names everything that has a name after one. */
export async function sendHostility(people: People): Promise<Hostile> {
  const person = await people.register({ ...newAccount(), full_name: nameAt(12), workspace: nameAt(30) });
  const key = await people.key(person);
  const sender = await people.gatewayFor(key);
  const receipts: string[] = [];
  const send = async (path: string, data: unknown) => {
    const answer = await sender.request.post(path, { data });
    if (answer.status() >= 300) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`);
    receipts.push(answer.headers()["x-receipt-id"] ?? "");
  };
  const flat = PAYLOADS.map((_, index) => flatTrace(index));
  for (let from = 0; from < flat.length; from += 100) await send("/api/v1/traces/batch", { traces: flat.slice(from, from + 100) });
  const [one = "", other = ""] = flat.map(({ trace_id: own }) => own).filter((own) => !/[/\\]/.test(own)).filter((_, index) => index % 30 === 1);
  const traces = { one, other };
  const id = newTraceId();
  const spans = everySpan(id);
  await send("/api/v1/spans/batch", { spans });
  const polluting = newSpanId();
  await send("/v1/traces", attributesOf(id, polluting));
  await send("/v1/logs", logsOf(id, spans[0]?.span_id ?? ""));
  for (let index = 0; index < 12; index += 1) {
    await send("/api/v1/scores", { trace_id: id, name: at(index * 11).slice(0, 128), value: at(index * 7 + 3).slice(0, 256), comment: at(index) });
  }
  await send("/api/v1/feedback", { trace_id: id, rating: -1, comment: PAYLOADS.join("\n").slice(0, 19_000), user_id: at(3).slice(0, 256) });
  await send("/api/v1/client-reports", { created: 9, delivered: 1, sampled: 1, dropped: Object.fromEntries([0, 20, 40, 60, 80].map((index) => [at(index).slice(0, 64), 1])) });
  for (const receipt of receipts) await person.gateway.settle(receipt, key);

  for (let index = 0; index < 24; index += 1) await people.key(person, ["read"], nameAt(index * 5));
  for (let index = 0; index < 12; index += 1) {
    await person.gateway.post("/api/v1/views", {
      name: nameAt(index * 9 + 2), scope: "private", page: "traces",
      definition: { range: "24h", filter: { field: "agent_id", op: "eq", value: at(index) }, q: null, sort: "-start_time", columns: ["start_time", "agent_id"], limit: 50 },
    });
    await person.gateway.post("/api/v1/workspaces", { name: nameAt(index * 10 + 1) });
  }
  for (let index = 0; index < 12; index += 1) {
    await person.gateway.post("/api/v1/prices", { provider: nameAt(index * 7 + 4), model: nameAt(index * 11 + 5), prices: { input: 1, output: 2 } });
  }
  await people.invite(person, "viewer", nameAt(3));
  await people.invite(person, "member", nameAt(45));
  return { person, everything: { id, spans: spans.map(({ span_id }) => span_id) }, polluting, user: at(2).slice(0, 256), session: at(5).slice(0, 256), traces };
}

function flatTrace(index: number) {
  const text = (offset: number) => at(index + offset * 17);
  const short = (offset: number) => text(offset).slice(0, 256);
  return {
    trace_id: `${index} ${at(index)}`.slice(0, 128),
    agent_id: at(index).slice(0, 256),
    user_id: at(index + 1).slice(0, 256),
    session_id: at(index + 2).slice(0, 256),
    model: at(index + 3).slice(0, 256),
    model_requested: short(4),
    model_provider: short(5),
    environment: short(6),
    release: short(7),
    name: short(8),
    input: text(9),
    output: text(10),
    status: "error",
    error: { type: short(11), message: at(index + 4) },
    tags: [...new Set([text(12).slice(0, 128), text(13).slice(0, 128)])],
    metadata: { [text(14).slice(0, 256)]: text(15), ["__proto__"]: { injected: 1 }, "constructor.prototype.injected": 1 },
    latency_ms: 100 + index,
    tokens_input: 10,
    tokens_output: 3,
  };
}

/** Spans of all kinds, between them every payload in every field that content has. */
function everySpan(traceId: string) {
  const start = Date.now() - 60_000;
  const root = newSpanId();
  const object = Object.fromEntries(PAYLOADS.map((payload, index) => [payload.slice(0, 200), at(index + 1)]));
  const messages = PAYLOADS.map((payload, index) => ({
    role: payload.slice(0, 60),
    name: at(index + 1),
    content: [
      { type: "text", text: payload },
      { type: "image", url: index % 2 ? payload : `${CANARY}/${index}.png` },
      { type: "file", filename: payload, url: at(index + 3), mime_type: "text/html" },
      { type: "reasoning", text: at(index + 2) },
      { type: payload, [payload]: payload },
    ],
    tool_calls: [{ id: payload, name: at(index + 4), arguments: { [payload]: payload } }],
    tool_call_id: payload,
  }));
  const span = (kind: string, index: number, more: Record<string, unknown>) => ({
    trace_id: traceId,
    span_id: newSpanId(),
    parent_span_id: root,
    name: at(index * 13).slice(0, 256),
    kind,
    agent_id: at(index * 3).slice(0, 256),
    service: at(index * 5).slice(0, 256),
    start_time: new Date(start + index * 10).toISOString(),
    duration_ms: 50 + index,
    ...more,
  });
  const failed = { status: "error", error: { type: at(40).slice(0, 256), message: PAYLOADS.join("\n") } };
  return [
    { ...span("agent", 1, { input: PAYLOADS.join("\n"), output: object, ...failed, user_id: at(7).slice(0, 256), session_id: at(8).slice(0, 256), environment: at(9).slice(0, 256), release: at(10).slice(0, 256), tags: [at(11).slice(0, 128)], metadata: { [at(12).slice(0, 200)]: at(13) } }), span_id: root, parent_span_id: null, duration_ms: 9_000 },
    span("llm", 2, { messages, output_messages: messages.slice(0, 30), system: at(1), model: at(20).slice(0, 256), model_requested: at(21).slice(0, 256), model_provider: at(22).slice(0, 256), tokens_input: 5, tokens_output: 5, parameters: object, tool_definitions: PAYLOADS.slice(0, 40).map((payload) => ({ name: payload, description: payload })) }),
    span("tool", 3, { tool_name: at(23).slice(0, 256), tool_arguments: object, tool_result: PAYLOADS.join("\n"), ...failed }),
    span("retriever", 4, { documents: PAYLOADS.map((payload, index) => ({ id: payload, content: payload, title: at(index + 1), score: 0.5, metadata: { title: payload, source: at(index + 2), [payload]: payload } })) }),
    span("other", 5, { attributes: object, events: PAYLOADS.map((payload) => ({ name: payload.slice(0, 256), attributes: { [payload]: payload } })), links: [{ trace_id: at(30).slice(0, 128), span_id: at(31).slice(0, 128), attributes: object }] }),
    ...PAYLOADS.slice(0, 60).map((payload, index) => span(index % 2 ? "agent" : "tool", 6 + index, { agent_id: payload.slice(0, 256), name: at(index + 60).slice(0, 256), ...(index % 2 ? {} : { tool_name: payload.slice(0, 256) }) })),
  ];
}

/** Keys that, taken apart at their dots, would reach what all objects share. */
export const POLLUTING = {
  ["__proto__"]: "1", "__proto__.injected": "1", "constructor.prototype.injected": "1", "gen_ai.prompt.__proto__.public": "1", "gen_ai.prompt.0.__proto__.injected": "1",
};

/** The payloads as keys and values of attributes of span, event and resource, as exporters send them. */
function attributesOf(traceId: string, pollutingSpan: string) {
  const attributes = Object.fromEntries(PAYLOADS.map((payload, index) => [payload, at(index + 1)]));
  const start = Date.now() - 50_000;
  return otlpBody({
    spans: [
      { traceId, spanId: newSpanId(), name: at(70), start, duration: 20, attributes, events: [{ name: at(71), at: start + 1, attributes }], error: at(72) },
      { traceId, spanId: pollutingSpan, name: "polluting", start, duration: 20, attributes: POLLUTING, events: [{ name: "polluting", at: start + 1, attributes: POLLUTING }] },
    ],
    resource: { ...attributes, ...POLLUTING, "service.name": at(73) },
    scope: at(74),
  });
}

function logsOf(traceId: string, spanId: string) {
  const time = `${Date.now() - 50_000}000000`;
  return {
    resourceLogs: [
      {
        scopeLogs: [
          {
            logRecords: PAYLOADS.map((payload) => ({
              timeUnixNano: time, traceId, spanId, severityText: payload.slice(0, 20), body: { stringValue: payload }, attributes: [{ key: payload, value: { stringValue: payload } }],
            })),
          },
        ],
      },
    ],
  };
}
