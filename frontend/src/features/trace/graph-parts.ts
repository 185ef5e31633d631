import type { GraphEdge } from "@/api/schema";

export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 62;

export interface Placed {
  x: number;
  y: number;
}

/** One arrow between two nodes; evidence of several kinds for the same passage is one arrow that says all. */
export interface Arrow {
  id: string;
  source: string;
  target: string;
  kinds: GraphEdge["kind"][];
  count: number;
  errors: number;
}

export function arrowsOf(edges: readonly GraphEdge[]): Arrow[] {
  const arrows = new Map<string, Arrow>();
  for (const { source, target, kind, count, error_count: errors } of edges) {
    const id = JSON.stringify([source, target]);
    const arrow = arrows.get(id) ?? { id, source, target, kinds: [], count: 0, errors: 0 };
    arrow.kinds.push(kind);
    arrow.count = Math.max(arrow.count, count);
    arrow.errors = Math.max(arrow.errors, errors);
    arrows.set(id, arrow);
  }
  return [...arrows.values()];
}
