import { Graph as LayoutGraph, layout } from "@dagrejs/dagre";
import type { Graph } from "@/api/schema";
import { type Arrow, arrowsOf, NODE_HEIGHT, NODE_WIDTH, type Placed } from "@/features/trace/graph-parts";

/** So many arrows a node say where it belongs; more take seconds and move it little. */
const ARROWS_A_NODE = 4;

/** The arrows that decide where nodes stand: the most used one to each node, then the most used of all. */
export function leading(graph: Graph): Arrow[] {
  const arrows = arrowsOf(graph.edges)
    .filter(({ source, target }) => source !== target)
    .sort((a, b) => b.count - a.count);
  const reached = new Set<string>();
  const first: Arrow[] = [];
  const others: Arrow[] = [];
  for (const arrow of arrows) {
    (reached.has(arrow.target) ? others : first).push(arrow);
    reached.add(arrow.target);
  }
  return [...first, ...others].slice(0, Math.max(first.length, graph.nodes.length * ARROWS_A_NODE));
}

/** Where each node stands: callers above what they call. */
export function placesOf(graph: Graph): Map<string, Placed> {
  const drawing = new LayoutGraph();
  drawing.setGraph({ rankdir: "TB", nodesep: 28, ranksep: 56 });
  drawing.setDefaultEdgeLabel(() => ({}));
  for (const { id } of graph.nodes) drawing.setNode(id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const { source, target } of leading(graph)) drawing.setEdge(source, target);
  layout(drawing);
  return new Map(
    graph.nodes.map(({ id }) => {
      const { x, y } = drawing.node(id) as { x: number; y: number };
      return [id, { x: x - NODE_WIDTH / 2, y: y - NODE_HEIGHT / 2 }];
    }),
  );
}
