import { context, trace } from "@opentelemetry/api";
import { describe, expect, test as base } from "vitest";
import { observabilityFixture, TestObservability } from "../../src/testing";

const test = base.extend({ obs: observabilityFixture });
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

describe("a traced call", () => {
  test("becomes one span with everything that was said", async ({ obs }) => {
    const answer = await obs.trace(
      "support-bot",
      { userId: "u1", sessionId: "s1", tags: ["beta"], metadata: { plan: "pro" } },
      async (span) => {
        span.setInput("Where is my order?");
        span.setUsage({
          inputTokens: 10,
          outputTokens: 2,
          cachedTokens: 4,
          reasoningTokens: 1,
          model: "gpt-4o",
          provider: "openai",
        });
        span.setCost(0.0023);
        span.tag("urgent", "beta");
        await later();
        return "On its way.";
      },
    );
    expect(answer).toBe("On its way.");
    expect(obs.spans).toEqual([
      {
        name: "support-bot",
        traceId: "00000000000000000000000000000001",
        spanId: "0000000000000001",
        parentSpanId: undefined,
        startMs: Date.UTC(2026, 0, 1),
        endMs: Date.UTC(2026, 0, 1, 0, 0, 1),
        status: "ok",
        attributes: {
          "gen_ai.operation.name": "invoke_agent",
          "gen_ai.agent.name": "support-bot",
          "user.id": "u1",
          "session.id": "s1",
          "agentobs.tags": ["beta", "urgent"],
          "agentobs.metadata": '{"plan":"pro"}',
          "agentobs.input": "Where is my order?",
          "agentobs.output": "On its way.",
          "agentobs.cost_usd": 0.0023,
          "gen_ai.usage.input_tokens": 10,
          "gen_ai.usage.output_tokens": 2,
          "gen_ai.usage.cache_read.input_tokens": 4,
          "gen_ai.usage.reasoning.output_tokens": 1,
          "gen_ai.response.model": "gpt-4o",
          "gen_ai.provider.name": "openai",
        },
      },
    ]);
  });

  test("throws what the application threw, the same object", async ({ obs }) => {
    class QuotaError extends Error {}
    const error = new QuotaError("used up");
    expect(() =>
      obs.trace("a", () => {
        throw error;
      }),
    ).toThrow(error);
    await expect(
      obs.trace("b", async () => {
        await later();
        throw error;
      }),
    ).rejects.toBe(error);
    const odd = { not: "an error" };
    await expect(obs.trace("c", () => Promise.reject(odd))).rejects.toBe(odd);
    expect(obs.spans.map((span) => [span.name, span.status, span.attributes["error.type"]])).toEqual([
      ["a", "error", "QuotaError"],
      ["b", "error", "QuotaError"],
      ["c", "error", "object"],
    ]);
  });

  test("holds its children, whatever runs beside them", async ({ obs }) => {
    await obs.trace("root", async () => {
      await Promise.all(
        ["a", "b"].map((name) =>
          obs.span(name, { kind: "chain" }, async () => {
            await later();
            await obs.span(`${name}-inner`, { kind: "tool" }, later);
          }),
        ),
      );
    });
    const byName = new Map(obs.spans.map((span) => [span.name, span]));
    expect(byName.get("a-inner")?.parentSpanId).toBe(byName.get("a")?.spanId);
    expect(byName.get("b-inner")?.parentSpanId).toBe(byName.get("b")?.spanId);
    expect(byName.get("a")?.parentSpanId).toBe(byName.get("root")?.spanId);
    expect(byName.get("a-inner")?.attributes["gen_ai.tool.name"]).toBe("a-inner");
  });

  test("hands user, session and agent down, but not tags and metadata", async ({ obs }) => {
    await obs.traceContext({ agentId: "bot", userId: "u", sessionId: "s", tags: ["t"], metadata: { m: 1 } }, () =>
      obs.span("step", later),
    );
    expect(obs.spans[0]?.attributes).toEqual({
      "agentobs.kind": "chain",
      "gen_ai.agent.name": "bot",
      "user.id": "u",
      "session.id": "s",
    });
    expect(obs.spans[1]).toMatchObject({
      name: "bot",
      attributes: { "agentobs.tags": ["t"], "agentobs.metadata": '{"m":1}' },
    });
  });

  test("is an agent where it is outermost, also within a span of somebody else's", ({ obs }) => {
    const theirs = trace.wrapSpanContext({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 });
    context.with(trace.setSpan(context.active(), theirs), () =>
      obs.trace("bot", () => obs.trace("step", () => obs.span("other bot", { kind: "agent" }, () => undefined))),
    );
    obs.traceContext({ sessionId: "s" }, () => undefined);
    expect(
      obs.spans.map((span) => [
        span.name,
        span.attributes["gen_ai.operation.name"] ?? span.attributes["agentobs.kind"],
        span.attributes["gen_ai.agent.name"],
      ]),
    ).toEqual([
      ["other bot", "invoke_agent", "other bot"],
      ["step", "chain", "bot"],
      ["bot", "invoke_agent", "bot"],
      ["trace", "chain", undefined],
    ]);
  });

  test("goes on with a trace that a request carries", ({ obs }) => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    obs.trace("by object", { parent: { traceparent } }, () => undefined);
    obs.trace("by headers", { parent: new Headers({ traceparent }) }, () => undefined);
    obs.trace("by nonsense", { parent: { traceparent: "zzz" } }, () => undefined);
    expect(obs.spans.map((span) => span.parentSpanId)).toEqual(["00f067aa0ba902b7", "00f067aa0ba902b7", undefined]);
    expect(obs.spans[0]?.traceId).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
  });

  test("can be entered again by its handle", ({ obs }) => {
    obs.trace("root", (root) => {
      const outside = context.with(trace.deleteSpan(context.active()), () =>
        obs.span("elsewhere", { parent: root.context }, (span) => span.traceId),
      );
      expect(outside).toBe(root.traceId);
    });
    expect(obs.spans[0]?.parentSpanId).toBe(obs.spans[1]?.spanId);
  });

  test("takes what is said on the client for the current span", ({ obs }) => {
    obs.trace("root", () =>
      obs.span("inner", { kind: "llm" }, () => {
        obs.setInput([{ role: "user", content: "Hi" }]);
        obs.setOutput({ a: 1 });
      }),
    );
    obs.setOutput("nowhere");
    expect(obs.spans[0]?.attributes).toMatchObject({
      "gen_ai.input.messages": '[{"role":"user","content":"Hi"}]',
      "agentobs.output": '{"a":1}',
    });
  });

  test("records scores, feedback, outcomes and hand-offs", ({ obs }) => {
    obs.trace("root", (span) => {
      obs.score("helpful", 0.9, { comment: "good" });
      span.feedback(1, { userId: "u" });
      span.outcome(true, { valueUsd: 12.5, name: "sale" });
      span.handoff("billing");
    });
    obs.outcome(false, { sessionId: "s" });
    obs.score("lost", 1);
    const [traceId, spanId] = ["0".repeat(31) + "1", "0".repeat(15) + "1"];
    expect(obs.records.map(({ path, body }) => [path, { ...body, timestamp: undefined }])).toEqual([
      [
        "/api/v1/scores",
        { trace_id: traceId, span_id: spanId, name: "helpful", value: 0.9, source: "code", comment: "good" },
      ],
      ["/api/v1/feedback", { trace_id: traceId, rating: 1, user_id: "u" }],
      ["/api/v1/outcomes", { trace_id: traceId, success: true, value_usd: 12.5, name: "sale" }],
      ["/api/v1/outcomes", { session_id: "s", success: false }],
    ]);
    expect(obs.warnings).toEqual(["agent-observability: scores outside a trace needs a traceId"]);
    expect(obs.spans[0]).toMatchObject({
      name: "handoff to billing",
      parentSpanId: spanId,
      attributes: { "gen_ai.handoff.to_agent": "billing" },
    });
  });
});

describe("generators", () => {
  test("keep their span open until they end, and run within it", async ({ obs }) => {
    const stream = obs.trace({ name: "stream" })(async function* (word: string) {
      for (const part of [word, " ", "there"]) {
        await later();
        obs.span("part", () => undefined);
        yield part;
      }
    });
    const parts: string[] = [];
    for await (const part of stream("Hello")) parts.push(part);
    expect(parts.join("")).toBe("Hello there");
    const root = obs.spans.at(-1);
    expect(root).toMatchObject({
      name: "stream",
      attributes: { "agentobs.input": "Hello", "agentobs.output": "Hello there" },
    });
    expect(obs.spans.slice(0, 3).map((span) => span.parentSpanId)).toEqual(Array(3).fill(root?.spanId));
  });

  test("take what is sent, thrown and closed into them as before", async ({ obs }) => {
    const make = function* (): Generator<string, string, string | undefined> {
      try {
        const got = yield "ready";
        yield `got ${String(got)}`;
        return "over";
      } catch (error) {
        return `caught ${String(error)}`;
      } finally {
        obs.tag("closed");
      }
    };
    const traced = obs.trace({ name: "g" })(make);
    const [first, second, third] = [traced(), traced(), traced()];
    expect([first.next(), first.next("x"), first.next("y"), first.next("z")]).toEqual([
      { value: "ready", done: false },
      { value: "got x", done: false },
      { value: "over", done: true },
      { value: undefined, done: true },
    ]);
    second.next();
    expect(second.throw("bad")).toEqual({ value: "caught bad", done: true });
    third.next();
    expect(third.return("early")).toEqual({ value: "early", done: true });
    expect(first).toBeInstanceOf(make);
    expect([...traced()]).toEqual(["ready", "got undefined"]);
    expect(obs.spans.map((span) => [span.status, span.attributes["agentobs.tags"]])).toEqual(
      Array(4).fill(["ok", ["closed"]]),
    );
  });

  test("end with the error that they throw", async ({ obs }) => {
    const broken = obs.trace({ name: "broken" })(async function* () {
      yield 1;
      throw new RangeError("stop");
    });
    await expect(async () => {
      for await (const part of broken()) expect(part).toBe(1);
    }).rejects.toThrow(RangeError);
    expect(obs.spans).toMatchObject([{ status: "error", attributes: { "error.type": "RangeError" } }]);
  });
});

describe("promises of other classes", () => {
  test("are returned themselves and begin their work only when they are awaited", async ({ obs }) => {
    let began = 0;
    class Lazy extends Promise<string> {
      override then<A, B>(
        fulfilled?: ((value: string) => A | PromiseLike<A>) | null,
        rejected?: ((error: unknown) => B | PromiseLike<B>) | null,
      ): Promise<A | B> {
        began += 1;
        return Promise.resolve("done").then(fulfilled, rejected);
      }
      extra(): string {
        return "more";
      }
    }
    const lazy = new Lazy(() => undefined);
    const returned = obs.trace("lazy", () => lazy);
    expect(returned).toBe(lazy);
    expect(returned.extra()).toBe("more");
    expect([began, obs.spans.length]).toEqual([0, 0]);
    expect(await returned).toBe("done");
    expect(began).toBe(1);
    expect(obs.spans[0]?.attributes["agentobs.output"]).toBe("done");
  });

  test("leave unhandled rejections to the application", async ({ obs }) => {
    const seen: unknown[] = [];
    const listener = (error: unknown): void => void seen.push(error);
    const others = process.listeners("unhandledRejection");
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", listener);
    const error = new Error("nobody listens");
    void obs.trace("a", async () => {
      await later();
      throw error;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off("unhandledRejection", listener);
    for (const other of others) process.on("unhandledRejection", other);
    expect(seen).toEqual([error]);
  });
});

describe("switched off", () => {
  for (const [name, options] of [
    ["without a key", { apiKey: "" }],
    ["disabled", { disabled: true }],
  ] as const) {
    base(`${name}, calls are passed through`, async () => {
      const obs = new TestObservability(options);
      expect(
        await obs.trace("a", async (span) => {
          span.setOutput(1);
          span.tag("x");
          obs.score("s", 1);
          return span.traceId ?? "none";
        }),
      ).toBe("none");
      expect(obs.trace({ name: "f" })((a: number, b: number) => a + b)(1, 2)).toBe(3);
      expect(await obs.flush()).toMatchObject({ created: 0, complete: true });
      expect(obs.warnings).toHaveLength(name === "disabled" ? 0 : 1);
    });
  }

  base("captures no content when told not to", () => {
    const obs = new TestObservability({ captureContent: false });
    obs.trace({ name: "f" })((secret: string) => secret)("s");
    obs.trace("g", (span) => {
      span.setInput("x");
      span.setOutput("y");
      return "z";
    });
    expect(JSON.stringify(obs.spans)).not.toMatch(/agentobs\.(in|out)put/);
  });

  base("counts what sampling leaves out", () => {
    const obs = new TestObservability({ sampleRate: 0 });
    obs.trace("a", () => obs.span("b", () => obs.score("s", 1)));
    expect(obs.report()).toMatchObject({ created: 3, sampled: 3, stored: 0, complete: true });
    expect(obs.spans).toEqual([]);
  });
});
