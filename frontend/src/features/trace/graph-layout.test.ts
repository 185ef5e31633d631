import { describe, expect, it } from "vitest";
import type { Graph } from "@/api/schema";
import { leading, placesOf } from "@/features/trace/graph-layout";
import { NODE_HEIGHT } from "@/features/trace/graph-parts";

function graphOf(nodes: readonly string[], edges: readonly (readonly [string, string, number])[]): Graph {
  return {
    nodes: nodes.map((id) => ({ id })),
    edges: edges.map(([source, target, count]) => ({ source, target, kind: "call", count, error_count: 0 })),
  } as unknown as Graph;
}

describe("the places of nodes", () => {
  it("puts callers above what they call", () => {
    const places = placesOf(graphOf(["entry", "agent", "tool"], [["entry", "agent", 1], ["agent", "tool", 3], ["tool", "tool", 2]]));
    const [entry, agent, tool] = ["entry", "agent", "tool"].map((id) => places.get(id)?.y ?? 0);
    expect(agent).toBeGreaterThan((entry ?? 0) + NODE_HEIGHT);
    expect(tool).toBeGreaterThan((agent ?? 0) + NODE_HEIGHT);
  });

  it("goes by the most used arrows where there are many, and leaves no node without one", () => {
    const names = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const edges = names.flatMap((source, from) => names.map((target, to) => [source, target, from * 31 + to] as const));
    const graph = graphOf(names, edges);
    const kept = leading(graph);
    expect(kept).toHaveLength(120);
    expect(new Set(kept.map(({ target }) => target)).size).toBe(30);
    expect(kept.some(({ source, target }) => source === target)).toBe(false);
    expect(placesOf(graph).size).toBe(30);
  });
});
