import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentObservability, AgentObservabilityExporter } from "../../src";
import { countSpans } from "../../src/delivery/split";
import { SpoolFolder } from "../support/delivery";
import { ScriptedServer, wellBehaved } from "../support/server";

let spool: SpoolFolder;
let server: ScriptedServer;
beforeEach(async () => {
  spool = new SpoolFolder();
  server = await ScriptedServer.start(wellBehaved);
});
afterEach(async () => {
  trace.disable();
  context.disable();
  propagation.disable();
  spool.remove();
  await server.stop();
});
const arrived = (): string =>
  server
    .to("/v1/traces")
    .map((one) => one.body.toString("latin1"))
    .join();
const count = (): number => server.to("/v1/traces").reduce((sum, one) => sum + countSpans(one.body), 0);

describe("a process with OpenTelemetry set up by the application", () => {
  const setUp = (): InMemorySpanExporter => {
    const exporter = new InMemorySpanExporter();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }));
    return exporter;
  };

  test("keeps its provider and exporters; both get every span, with what holds for the trace", async () => {
    const exporter = setUp();
    const obs = new AgentObservability({
      apiKey: "key",
      endpoint: server.endpoint,
      spoolDir: spool.path,
      environment: "production",
      release: "1.2",
    });
    await obs.traceContext({ agentId: "bot", userId: "ada" }, async () => {
      trace.getTracer("theirs").startActiveSpan("their span", (span) => span.end());
    });
    trace.getTracer("theirs").startSpan("their root").end();
    expect(await obs.shutdown()).toMatchObject({ created: 3, stored: 3 });
    expect(count()).toBe(3);
    const theirs = Object.fromEntries(exporter.getFinishedSpans().map((span) => [span.name, span]));
    expect(Object.keys(theirs)).toEqual(["their span", "bot", "their root"]);
    expect(theirs["their span"]?.attributes).toEqual({ "gen_ai.agent.name": "bot", "user.id": "ada" });
    expect(theirs["their span"]?.parentSpanContext?.spanId).toBe(theirs.bot?.spanContext().spanId);
    expect(theirs["their root"]?.attributes).toEqual({
      "deployment.environment.name": "production",
      "agentobs.release": "1.2",
    });
  });

  test("samples for the platform alone", async () => {
    const exporter = setUp();
    const obs = new AgentObservability({
      apiKey: "key",
      endpoint: server.endpoint,
      spoolDir: spool.path,
      sampleRate: 0,
    });
    obs.trace("a", () => obs.span("b", () => undefined));
    expect(await obs.shutdown()).toMatchObject({ created: 2, sampled: 2, stored: 0, complete: true });
    expect(exporter.getFinishedSpans()).toHaveLength(2);
  });
});

describe("a process without OpenTelemetry", () => {
  test("gets a provider, a context and propagation for all instrumentations", async () => {
    const obs = new AgentObservability({
      apiKey: "key",
      endpoint: server.endpoint,
      spoolDir: spool.path,
      serviceName: "shop",
      environment: "test",
    });
    const carrier: Record<string, string> = {};
    obs.trace("root", (span) => {
      propagation.inject(context.active(), carrier);
      expect(carrier.traceparent).toContain(span.traceId);
      trace.getTracer("theirs").startSpan("their span").end();
    });
    await obs.shutdown();
    expect(count()).toBe(2);
    for (const word of ["shop", "deployment.environment.name", "their span"]) expect(arrived()).toContain(word);
  });

  test("has each span delivered once, also with a second client", async () => {
    const first = new AgentObservability({ apiKey: "key", endpoint: server.endpoint, spoolDir: spool.path });
    const second = new AgentObservability({ apiKey: "other", endpoint: server.endpoint, spoolDir: spool.path });
    first.trace("mine", () => undefined);
    second.trace("yours", () => undefined);
    expect(await first.shutdown()).toMatchObject({ created: 1, stored: 1 });
    expect(await second.shutdown()).toMatchObject({ created: 1, stored: 1 });
    expect(server.to("/v1/traces").map((one) => one.headers.authorization)).toEqual(["Bearer key", "Bearer other"]);
  });

  test("keeps attributes beyond OpenTelemetry's 128, as instrumentations write them for long conversations", async () => {
    const obs = new AgentObservability({ apiKey: "key", endpoint: server.endpoint, spoolDir: spool.path });
    trace
      .getTracer("theirs")
      .startSpan("s", {
        attributes: Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`message.${index}`, "x"])),
      })
      .end();
    await obs.shutdown();
    expect(arrived()).toContain("message.0");
    expect(arrived()).toContain("message.999");
  });
});

test("the exporter alone delivers an application's own spans", async () => {
  const exporter = new AgentObservabilityExporter({ apiKey: "key", endpoint: server.endpoint, spoolDir: spool.path });
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  for (let made = 0; made < 10; made++) provider.getTracer("theirs").startSpan(`span ${made}`).end();
  await provider.forceFlush();
  expect(exporter.report()).toMatchObject({ created: 10, stored: 10, complete: true });
  await provider.shutdown();
  expect(count()).toBe(10);
});

test("requests of the SDK are not traced, whoever traces those of the process", async () => {
  const obs = new AgentObservability({ apiKey: "key", endpoint: server.endpoint, spoolDir: spool.path });
  const original = http.request;
  http.request = ((...given: Parameters<typeof http.request>) => {
    trace.getTracer("http").startSpan("request").end();
    return original(...given);
  }) as typeof http.request;
  syncBuiltinESMExports();
  try {
    await obs.trace("a", () => new Promise((done) => http.request(server.endpoint, done).end()));
    await obs.flush();
    await obs.flush();
    expect(obs.report()).toMatchObject({ created: 2, stored: 2 });
  } finally {
    http.request = original;
    syncBuiltinESMExports();
    await obs.shutdown();
  }
});
