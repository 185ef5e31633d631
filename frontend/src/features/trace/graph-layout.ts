import { Graph as LayoutGraph, layout } from "@dagrejs/dagre";
import type { Graph, GraphEdge } from "@/api/schema";

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

/** Where each node stands: callers above what they call. */
export function placesOf(graph: Graph): Map<string, Placed> {
  const drawing = new LayoutGraph();
  drawing.setGraph({ rankdir: "TB", nodesep: 28, ranksep: 56 });
  drawing.setDefaultEdgeLabel(() => ({}));
  for (const { id } of graph.nodes) drawing.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { source, target } of arrowsOf(graph.edges)) {
    if (source !== target) drawing.setEdge(source, target);
  }
  layout(drawing);
  return new Map(
    graph.nodes.map(({ id }) => {
      const { x, y } = drawing.node(id) as { x: number; y: number };
      return [id, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }];
    }),
  );
}
