import { describe, expect, it } from "vitest";
import type { Span } from "@/api/schema";
import { ancestors, criticalPath, EMPTY_TREE, grown, lengthOf, nextError, selfTime, visibleNodes } from "@/features/trace/tree";

const START = Date.parse("2026-01-31T12:00:00Z");

function span(id: string, parent: string | null, start: number, duration: number | null, status: Span["status"] = "success"): Span {
  return {
    span_id: id, parent_span_id: parent, trace_id: "t", name: id, kind: "chain", status,
    start_time: new Date(START + start).toISOString(), duration_ms: duration,
    agent_id: null, session_id: null, user_id: null, model: null, model_requested: null, model_provider: null,
    cost_usd: null, cost_source: "unpriced", ttft_ms: null, tool_name: null, service: null, error: null, has_payload: false,
    tokens_input: null, tokens_output: null, tokens_total: null, tokens_cached: null, tokens_reasoning: null,
  } as Span;
}

const SPANS = [
  span("root", null, 0, 100),
  span("a", "root", 10, 30),
  span("a1", "a", 15, 10, "error"),
  span("b", "root", 30, 60),
  span("b1", "b", 40, 20),
  span("late", "unknown", 120, null, "timeout"),
];

const buildTree = (spans: readonly Span[]) => grown(EMPTY_TREE, spans);

describe("the tree", () => {
  const tree = buildTree(SPANS);
  it("has depths, places and lengths", () => {
    expect(tree.nodes.map(({ span: { span_id }, depth, descendants, start, end }) => [span_id, depth, descendants, start - START, end - START])).toEqual([
      ["root", 0, 4, 0, 100], ["a", 1, 1, 10, 40], ["a1", 2, 0, 15, 25], ["b", 1, 1, 30, 90], ["b1", 2, 0, 40, 60], ["late", 0, 0, 120, 120],
    ]);
    expect(lengthOf(tree)).toBe(120);
    expect([tree.tops, tree.failed]).toEqual([2, 2]);
  });
  it("knows which of those below the same span each one is", () => {
    expect(tree.nodes.map(({ parent, position, children }) => [parent, position, children])).toEqual([
      [-1, 1, 2], [0, 1, 1], [1, 1, 0], [0, 2, 1], [3, 1, 0], [-1, 2, 0],
    ]);
  });
  it("is the same in whatever parts its spans come", () => {
    for (let cut = 0; cut <= SPANS.length; cut += 1) expect(grown(buildTree(SPANS.slice(0, cut)), SPANS.slice(cut))).toEqual(tree);
    expect(SPANS.reduce((before, one) => grown(before, [one]), EMPTY_TREE)).toEqual(tree);
  });
  it("leaves the tree before as it was, and what does not change the same", () => {
    const before = buildTree(SPANS.slice(0, 4));
    const copy = structuredClone(before.nodes);
    const after = grown(before, SPANS.slice(4));
    expect(before.nodes).toEqual(copy);
    expect([0, 1, 2, 3].map((index) => after.nodes[index] === before.nodes[index])).toEqual([false, true, true, false]);
  });
  it("hides what is below a collapsed span", () => {
    expect(visibleNodes(tree, new Set())).toEqual([0, 1, 2, 3, 4, 5]);
    expect(visibleNodes(tree, new Set(["a"]))).toEqual([0, 1, 3, 4, 5]);
    expect(visibleNodes(tree, new Set(["root"]))).toEqual([0, 5]);
  });
  it("knows the time of its own, children that overlap counted once", () => {
    expect([0, 1, 2, 3].map((index) => selfTime(tree, index))).toEqual([20, 20, 10, 40]);
  });
  it("finds the chain that the end waited for", () => {
    expect([...criticalPath(buildTree(SPANS.slice(0, 5)))]).toEqual(["root", "b", "b1"]);
  });
  it("finds ancestors and errors", () => {
    expect(ancestors(tree, "a1")).toEqual(["a", "root"]);
    expect(nextError(tree, -1)).toBe("a1");
    expect(nextError(tree, 2)).toBe("late");
    expect(nextError(tree, 5)).toBe("a1");
    expect(nextError(buildTree([span("x", null, 0, 1)]), -1)).toBeNull();
  });
  it("takes ids that come twice, cycles, and nothing at all", () => {
    expect(buildTree([span("x", "x", 0, 1), span("x", null, 0, 1)]).nodes).toHaveLength(1);
    expect(buildTree([]).nodes).toEqual([]);
    expect(nextError(buildTree([]), -1)).toBeNull();
  });
  it("places 30,000 spans", () => {
    const many = Array.from({ length: 30_000 }, (_, index) => span(`s${index}`, index === 0 ? null : `s${Math.floor((index - 1) / 2)}`, index, 5));
    const ordered: Span[] = [];
    const visit = (index: number): void => {
      const found = many[index];
      if (found === undefined) return;
      ordered.push(found);
      visit(2 * index + 1);
      visit(2 * index + 2);
    };
    visit(0);
    const big = buildTree(ordered);
    expect(big.nodes[0]?.descendants).toBe(29_999);
    expect(visibleNodes(big, new Set(["s1"]))).toHaveLength(30_000 - (big.nodes[1]?.descendants ?? 0));
  });
});
