import { AsyncLocalStorage } from "node:async_hooks";
import path from "node:path";
import { EdgeVM } from "@edge-runtime/vm";
import { build } from "esbuild";
import { describe, expect, test } from "vitest";
import { Workspace } from "../support/gateway";

/**
 * An application as an edge function has it, from the package as it is built, found by the condition that edge bundlers
 * set.
 */
const APPLICATION = `
  import { AgentObservability } from "@agent-observability/sdk";
  globalThis.handle = async (options) => {
    const obs = new AgentObservability({ ...options, serviceName: "edge" });
    const wait = () => new Promise((done) => setTimeout(done, 5));
    const answers = await Promise.all(["a", "b"].map((user) => obs.trace("edge-bot", { userId: user, parent: new Headers() }, async (root) => {
      await wait();
      await obs.span("think", { kind: "llm", parent: options.explicit ? root.context : undefined }, async (span) => {
        await wait();
        span.setUsage({ inputTokens: 1000, outputTokens: 100, model: "gpt-4o", provider: "openai" });
      });
      root.score("helpful", true);
      return user.toUpperCase();
    })));
    return { answers, report: await obs.flush(20000), node: typeof process + typeof Buffer };
  };
`;

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: APPLICATION, resolveDir: path.join(import.meta.dirname, "../.."), loader: "js" },
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    conditions: ["edge-light"],
    logLevel: "error",
  });
  return outputFiles[0]?.text ?? "";
}

interface Handled {
  answers: string[];
  report: object;
  node: string;
}

describe("an edge runtime without Node's modules", () => {
  for (const [name, hasStorage] of [
    ["with AsyncLocalStorage and compression", true],
    ["with neither, parents given", false],
  ] as const) {
    test(`${name}: traces are nested and stored`, async () => {
      const workspace = await Workspace.create();
      const vm = new EdgeVM({
        extend: (context) =>
          hasStorage
            ? Object.assign(context, { AsyncLocalStorage, CompressionStream, DecompressionStream, Blob, Response })
            : context,
      });
      vm.evaluate(await bundle());
      const handle = vm.context.handle as (options: object) => Promise<Handled>;
      const { answers, report, node } = await handle({
        apiKey: workspace.apiKey,
        endpoint: workspace.endpoint,
        explicit: !hasStorage,
      });
      expect(node).toBe("undefinedundefined");
      expect(answers).toEqual(["A", "B"]);
      expect(report).toMatchObject({ created: 6, stored: 6, complete: true });
      const traces = await workspace.traces();
      expect(
        traces.map((trace) => [trace.user_id, trace.span_count, trace.llm_call_count, trace.tokens_input]).sort(),
      ).toEqual([
        ["a", 2, 1, 1000],
        ["b", 2, 1, 1000],
      ]);
    });
  }
});
