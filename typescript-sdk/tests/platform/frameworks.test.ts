import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText, stepCountIs, tool } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { AgentObservability } from "../../src";
import { SpoolFolder } from "../support/delivery";
import { Workspace, type ShownSpan, type ShownTrace } from "../support/gateway";
import { ModelServer } from "../support/model";

/** Input, cached and output at the prices of gpt-4o: 210 × 2.5 + 1024 × 1.25 + 56 × 10 USD a million. */
const COST = (210 * 2.5 + 1024 * 1.25 + 56 * 10) / 1e6;

let workspace: Workspace;
let spool: SpoolFolder;
let model: ModelServer;
let obs: AgentObservability;

beforeAll(async () => {
  [workspace, model] = [await Workspace.create(), await ModelServer.start()];
  spool = new SpoolFolder();
  obs = new AgentObservability({ apiKey: workspace.apiKey, endpoint: workspace.endpoint, spoolDir: spool.path });
  expect(await obs.instrument()).toEqual(["openai"]);
  expect(await obs.instrument("openai")).toEqual(["openai"]);
});

afterAll(async () => {
  await obs.shutdown();
  model.stop();
  spool.remove();
});

/** Runs a call within a trace and returns what the platform shows of it. */
const traced = async (
  call: () => Promise<unknown>,
): Promise<{ trace: ShownTrace; spans: ShownSpan[]; calls: number }> => {
  const before = model.calls;
  let id: string | undefined;
  await obs.trace("framework", { sessionId: "s-1" }, async (span) => {
    id = span.traceId;
    await call();
  });
  expect(await obs.flush(20_000)).toMatchObject({ complete: true, rejected: {}, dropped: {} });
  let trace: ShownTrace | undefined;
  // What is read is cached by the platform for a moment.
  await expect
    .poll(async () => (trace = (await workspace.traces()).find((one) => one.trace_id === id)), { timeout: 10_000 })
    .toBeDefined();
  if (trace === undefined || id === undefined) throw new Error("the trace is not there");
  return { trace, spans: await workspace.spans(id), calls: model.calls - before };
};

const parentOf = (spans: ShownSpan[], span: ShownSpan | undefined): string | undefined =>
  spans.find((one) => one.span_id === span?.parent_span_id)?.name;

describe("OpenAI", () => {
  let client: OpenAI;
  beforeAll(() => (client = new OpenAI({ apiKey: "none", baseURL: model.baseURL, maxRetries: 0 })));
  const ask = (content: string, more: object = {}): OpenAI.ChatCompletionCreateParamsNonStreaming => ({
    model: "gpt-4o",
    messages: [{ role: "user", content }],
    ...more,
  });

  test("a call is one priced span in its trace", async () => {
    const { trace, spans, calls } = await traced(() => client.chat.completions.create(ask("Where is my order?")));
    expect(calls).toBe(1);
    expect(trace).toMatchObject({
      span_count: 2,
      llm_call_count: 1,
      tokens_input: 1234,
      tokens_output: 56,
      session_id: "s-1",
      status: "success",
    });
    expect(trace.cost_usd).toBeCloseTo(COST, 9);
    const call = spans.find((span) => span.kind === "llm");
    expect(call).toMatchObject({ model: "gpt-4o-2024-08-06", tokens_input: 1234 });
    expect(parentOf(spans, call)).toBe("framework");
  });

  test("a stream is one priced span, whole", async () => {
    const { trace, spans } = await traced(async () => {
      const stream = await client.chat.completions.create({
        ...ask("Where?"),
        stream: true,
        stream_options: { include_usage: true },
      });
      let text = "";
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
      expect(text).toBe("It is on its way.");
    });
    expect(trace).toMatchObject({ span_count: 2, llm_call_count: 1, error_count: 0, status: "success" });
    expect(trace.cost_usd).toBeCloseTo(COST, 9);
    const call = spans.find((span) => span.kind === "llm");
    expect(parentOf(spans, call)).toBe("framework");
  });

  test("responses, whole and streamed, and embeddings are priced spans", async () => {
    const { trace, spans, calls } = await traced(async () => {
      const answer = await client.responses.create({
        model: "gpt-4o",
        instructions: "Be brief.",
        input: "Where is my order?",
      });
      expect(answer.output_text).toBe("It is on its way.");
      const stream = await client.responses.create({ model: "gpt-4o", input: "Where is my order?", stream: true });
      let text = "";
      for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
      expect(text).toBe("It is on its way.");
      await client.embeddings.create({ model: "text-embedding-3-small", input: "order" });
    });
    expect(calls).toBe(3);
    expect(trace).toMatchObject({
      span_count: 4,
      llm_call_count: 2,
      tokens_input: 2 * 1234 + 8,
      tokens_output: 2 * 56,
      error_count: 0,
    });
    expect(trace.cost_usd).toBeCloseTo(2 * COST + (8 * 0.02) / 1e6, 9);
    for (const call of spans.filter((span) => span.kind === "llm")) {
      const { data } = await workspace.get<{ data: { messages: object[]; output_messages: object[] } }>(
        `/api/v1/traces/${trace.trace_id}/spans/${call.span_id}`,
      );
      expect(JSON.stringify(data.messages)).toContain("Where is my order?");
      expect(JSON.stringify(data.output_messages)).toContain("It is on its way.");
      expect(JSON.stringify(data.output_messages)).toContain("lookup");
    }
  });

  test("the client's own objects stay what they are", async () => {
    await traced(async () => {
      const { data, response } = await client.chat.completions.create(ask("Where?")).withResponse();
      expect([data.choices[0]?.message.content, response.status]).toEqual(["It is on its way.", 200]);
      expect((await client.chat.completions.create(ask("Where?")).asResponse()).status).toBe(200);
      const stream = client.chat.completions.stream({ ...ask("Where?"), stream: true });
      expect((await stream.finalMessage()).content).toBe("It is on its way.");
    });
  });

  test("an error is the application's own, and on the span", async () => {
    const { trace, spans } = await traced(async () => {
      await expect(client.chat.completions.create(ask("fail"))).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    });
    expect(trace).toMatchObject({ span_count: 2, error_count: 1 });
    expect(spans.find((span) => span.kind === "llm")).toMatchObject({
      status: "error",
      error: { message: expect.stringContaining("the model broke") as string },
    });
  });

  test("a call that is cancelled ends with its span", async () => {
    const { trace } = await traced(async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      await expect(client.chat.completions.create(ask("hang"), { signal: controller.signal })).rejects.toBeInstanceOf(
        OpenAI.APIUserAbortError,
      );
    });
    expect(trace).toMatchObject({ span_count: 2, error_count: 1 });
  });

  test("a stream that is left early ends with its span, and disturbs nothing", async () => {
    const { trace } = await traced(async () => {
      const stream = await client.chat.completions.create({ ...ask("slow"), stream: true });
      for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "way.") break;
      stream.controller.abort();
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    expect(trace.span_count).toBe(2);
  });
});

describe("Vercel AI SDK", () => {
  const telemetry = { experimental_telemetry: { isEnabled: true, functionId: "support" }, maxRetries: 0 } as const;
  const chat = (): ReturnType<ReturnType<typeof createOpenAI>["chat"]> =>
    createOpenAI({ apiKey: "none", baseURL: model.baseURL }).chat("gpt-4o");
  const tools = {
    lookup: tool({
      description: "Looks an order up",
      inputSchema: z.object({ order: z.string() }),
      execute: ({ order }) => Promise.resolve(`order ${order} is on its way`),
    }),
  };

  test("generateText with a tool: complete, nested, priced, nothing twice", async () => {
    const { trace, spans, calls } = await traced(() =>
      generateText({ model: chat(), prompt: "Where is order 7?", tools, stopWhen: stepCountIs(3), ...telemetry }),
    );
    expect(calls).toBe(2);
    expect(trace).toMatchObject({
      llm_call_count: 2,
      tool_call_count: 1,
      tokens_input: 2 * 1234,
      tokens_output: 2 * 56,
      error_count: 0,
    });
    expect(trace.cost_usd).toBeCloseTo(2 * COST, 9);
    expect(spans.map((span) => [span.kind, parentOf(spans, span)]).sort()).toEqual([
      ["agent", undefined],
      ["agent", "framework"],
      ["llm", "ai.generateText"],
      ["llm", "ai.generateText"],
      ["tool", "ai.generateText"],
    ]);
  });

  test("streamText: complete, priced, nothing twice", async () => {
    const { trace, calls } = await traced(async () => {
      const stream = streamText({ model: chat(), prompt: "Where is it?", ...telemetry });
      expect(await stream.text).toBe("It is on its way.");
    });
    expect(calls).toBe(1);
    expect(trace).toMatchObject({ llm_call_count: 1, tokens_input: 1234, tokens_output: 56, error_count: 0 });
    expect(trace.cost_usd).toBeCloseTo(COST, 9);
  });

  test("an error is the application's own, and on the spans", async () => {
    const { trace } = await traced(() =>
      expect(generateText({ model: chat(), prompt: "fail", ...telemetry })).rejects.toThrow("the model broke"),
    );
    expect(trace.error_count).toBeGreaterThanOrEqual(1);
  });

  test("a call that is cancelled ends with its spans", async () => {
    const { trace } = await traced(async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 20);
      await expect(
        generateText({ model: chat(), prompt: "hang", abortSignal: controller.signal, ...telemetry }),
      ).rejects.toThrow(/abort/i);
    });
    expect(trace.span_count).toBe(3);
  });
});
