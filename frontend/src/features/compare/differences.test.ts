import { describe, expect, it } from "vitest";
import type { Span } from "@/api/schema";
import { factsOf, groupsOf } from "@/features/compare/differences";

type Side = Parameters<typeof factsOf>[0];

const SIDE: Side = {
  status: "success", duration_ms: 2000, cost_usd: 0.02, tokens_input: "1000", tokens_output: 100, llm_call_count: 2, tool_call_count: 0,
  span_count: 3, error_count: 0, models: ["b", "a"], agent_id: "support", environment: null, release: "1",
};

const span = (kind: Span["kind"], name: string, duration_ms: number | null, status: Span["status"] = "success") => ({ kind, name, duration_ms, status }) as Span;

describe("factsOf", () => {
  it("tells how far numbers are apart, and that the order of models says nothing", () => {
    const facts = factsOf(SIDE, { ...SIDE, duration_ms: 1500, cost_usd: 0.03, models: ["a", "b"], error_count: 1, release: "2" });
    const fact = (name: string) => facts.find((candidate) => candidate.name === name);
    expect(fact("Duration")).toMatchObject({ first: "2 s", second: "1.5 s", change: { text: "−500 ms, −25 %", isMore: false }, isSame: false });
    expect(fact("Cost")?.change).toEqual({ text: "+$0.01, +50 %", isMore: true });
    expect(fact("Failed spans")?.change).toEqual({ text: "+1", isMore: true });
    expect(fact("Models")).toMatchObject({ first: "a, b", isSame: true });
    expect(fact("Release")).toMatchObject({ change: null, isSame: false });
    expect(fact("Input tokens")).toMatchObject({ first: "1,000", isSame: true, change: null });
  });
});

describe("groupsOf", () => {
  it("adds up spans by kind and name, and knows which side lacks one", () => {
    const groups = groupsOf(
      [span("llm", "chat", 100), span("tool", "search", 50), span("llm", "chat", 200, "error")],
      [span("llm", "chat", 80), span("retriever", "search", null)],
    );
    expect(groups.map(({ kind, name, first, second }) => [kind, name, first, second])).toEqual([
      ["llm", "chat", { count: 2, failed: 1, duration: 300 }, { count: 1, failed: 0, duration: 80 }],
      ["tool", "search", { count: 1, failed: 0, duration: 50 }, null],
      ["retriever", "search", null, { count: 1, failed: 0, duration: 0 }],
    ]);
  });
});
