// Measures what one traced call costs with one library; prints a line of JSON.
//   measure.mjs opentelemetry|agent-observability|langfuse ENDPOINT CALLS
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const CHUNK = 250;
const QUESTION = "Where is my order, and when will it arrive? I have been waiting for it since Monday.";
const ANSWER = "It left the warehouse yesterday and arrives on Thursday between nine and noon.";
const [library, endpoint, calls] = process.argv.slice(2);

/** Stands for what is traced; it does nothing, so that what is measured is the tracing. */
const work = async (question, attempt) => ANSWER;

/** Each returns a call that is the root of a trace, what runs a measurement within another span, and what delivers. */
const libraries = {
  /** Bare spans whose attributes are at hand. */
  async opentelemetry() {
    const { context } = await import("@opentelemetry/api");
    const { AsyncLocalStorageContextManager } = await import("@opentelemetry/context-async-hooks");
    const { BasicTracerProvider, BatchSpanProcessor } = await import("@opentelemetry/sdk-trace-base");
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const discard = { export: (spans, done) => done({ code: 0 }), shutdown: async () => undefined };
    const provider = new BasicTracerProvider({
      spanProcessors: [new BatchSpanProcessor(discard, { maxQueueSize: 100_000 })],
    });
    const tracer = provider.getTracer("bench");
    const input = JSON.stringify([QUESTION, 2]);
    const traced = (attributes) => (question, attempt) =>
      tracer.startActiveSpan("work", { attributes: { ...attributes, "agentobs.input": input } }, async (span) => {
        try {
          const result = await work(question, attempt);
          span.setAttribute("agentobs.output", result);
          return result;
        } finally {
          span.end();
        }
      });
    return {
      root: traced({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "work" }),
      nested: traced({
        "agentobs.kind": "chain",
        "gen_ai.agent.name": "support",
        "user.id": "u-1",
        "session.id": "s-1",
      }),
      within: (run) => tracer.startActiveSpan("outer", run),
      drain: () => provider.forceFlush(),
    };
  },
  /** The same calls traced by the SDK, spool on. */
  async "agent-observability"() {
    const { AgentObservability } = await import("../../typescript-sdk/dist/index.js");
    const obs = new AgentObservability({
      apiKey: "key",
      endpoint,
      spoolDir: mkdtempSync(path.join(tmpdir(), "agentobs-bench-")),
    });
    const traced = obs.trace()(work);
    return {
      root: traced,
      nested: traced,
      within: (run) => obs.traceContext({ agentId: "support", userId: "u-1", sessionId: "s-1" }, run),
      drain: () => obs.flush(60_000),
    };
  },
  /** The same calls traced by Langfuse's SDK. */
  async langfuse() {
    const { context } = await import("@opentelemetry/api");
    const { AsyncLocalStorageContextManager } = await import("@opentelemetry/context-async-hooks");
    const { BasicTracerProvider } = await import("@opentelemetry/sdk-trace-base");
    const { LangfuseSpanProcessor } = await import("@langfuse/otel");
    const { observe, propagateAttributes, setLangfuseTracerProvider, startActiveObservation } =
      await import("@langfuse/tracing");
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const processor = new LangfuseSpanProcessor({
      publicKey: "pk-lf-bench",
      secretKey: "sk-lf-bench",
      baseUrl: endpoint,
    });
    setLangfuseTracerProvider(new BasicTracerProvider({ spanProcessors: [processor] }));
    const traced = observe(work, { name: "work" });
    return {
      root: traced,
      nested: traced,
      within: (run) =>
        startActiveObservation("outer", () => propagateAttributes({ userId: "u-1", sessionId: "s-1" }, run)),
      drain: () => processor.forceFlush(),
    };
  },
};

/** Microseconds a call: of the calling thread, which is alone at work then; of the clock; of the process with all that follows. */
async function measure(call, drain) {
  for (let warm = 0; warm < 4 * CHUNK; warm++) await call(QUESTION, 2);
  await drain();
  const threads = [];
  const walls = [];
  const micros = ({ user, system }) => user + system;
  const process0 = process.cpuUsage();
  const chunks = Math.floor(Number(calls) / CHUNK);
  for (let chunk = 0; chunk < chunks; chunk++) {
    const thread = process.cpuUsage();
    const wall = process.hrtime.bigint();
    for (let made = 0; made < CHUNK; made++) await call(QUESTION, 2);
    walls.push(Number(process.hrtime.bigint() - wall) / CHUNK / 1_000);
    threads.push(micros(process.cpuUsage(thread)) / CHUNK);
    await drain();
  }
  return {
    thread_us: median(threads),
    wall_us: median(walls),
    cpu_us: micros(process.cpuUsage(process0)) / (chunks * CHUNK),
  };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

const { root, nested, within, drain } = await libraries[library]();
const figures = { root: await measure(root, drain), nested: await within(() => measure(nested, drain)) };
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));
