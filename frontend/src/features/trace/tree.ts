import type { Span } from "@/api/schema";

/** A span in its place: how deep, how many below it, and the part of its time that no child covers. */
export interface Node {
  span: Span;
  depth: number;
  /** How many spans are below it, at any depth; they follow it in the order of the tree. */
  descendants: number;
  /** Milliseconds from the start of the trace. */
  start: number;
  /** Milliseconds from the start of the trace; that of the start where the end is not known. */
  end: number;
}

/** The tree of a trace in the order it is read: each span before those below it. */
export interface Tree {
  nodes: Node[];
  /** Milliseconds from the first start to the last end. */
  length: number;
  byId: ReadonlyMap<string, number>;
}

/** Puts spans in tree order into their places; a span whose parent is not among them stands at the top. */
export function buildTree(spans: readonly Span[]): Tree {
  const byId = new Map<string, number>();
  const starts = spans.map((span) => Date.parse(span.start_time));
  const origin = starts.reduce((least, start) => Math.min(least, start), Infinity);
  const nodes: Node[] = [];
  let length = 0;
  spans.forEach((span, index) => {
    if (byId.has(span.span_id)) return;
    const parent = span.parent_span_id === null ? undefined : nodes[byId.get(span.parent_span_id) ?? -1];
    const start = (starts[index] ?? origin) - origin;
    const end = start + Math.max(0, span.duration_ms ?? 0);
    length = Math.max(length, end);
    byId.set(span.span_id, nodes.length);
    nodes.push({ span, depth: parent === undefined ? 0 : parent.depth + 1, descendants: 0, start, end });
  });
  // In tree order those below a span follow it without a gap, so the next one that is no deeper ends them.
  const open: number[] = [];
  nodes.forEach((node, index) => {
    while (open.length > 0 && (nodes[open.at(-1) ?? 0]?.depth ?? 0) >= node.depth) close(open, nodes, index);
    open.push(index);
  });
  while (open.length > 0) close(open, nodes, nodes.length);
  return { nodes, length, byId };
}

function close(open: number[], nodes: Node[], next: number): void {
  const index = open.pop();
  const node = index === undefined ? undefined : nodes[index];
  if (node !== undefined && index !== undefined) node.descendants = next - index - 1;
}

/** Which nodes are in sight when some are collapsed. */
export function visibleNodes(tree: Tree, collapsed: ReadonlySet<string>): number[] {
  const visible: number[] = [];
  for (let index = 0; index < tree.nodes.length; ) {
    const node = tree.nodes[index];
    if (node === undefined) break;
    visible.push(index);
    index += collapsed.has(node.span.span_id) ? node.descendants + 1 : 1;
  }
  return visible;
}

/** Milliseconds of a span in which none of its children ran. */
export function selfTime(tree: Tree, index: number): number {
  const node = tree.nodes[index];
  if (node === undefined) return 0;
  const children: [number, number][] = [];
  for (let below = index + 1; below <= index + node.descendants; ) {
    const child = tree.nodes[below];
    if (child === undefined) break;
    children.push([Math.max(child.start, node.start), Math.min(child.end, node.end)]);
    below += child.descendants + 1;
  }
  children.sort(([a], [b]) => a - b);
  let covered = 0;
  let until = node.start;
  for (const [start, end] of children) {
    if (end > until) covered += end - Math.max(start, until);
    until = Math.max(until, end);
  }
  return Math.max(0, node.end - node.start - covered);
}

/** The chain of spans that the end of the trace waited for: from each span to the child that ended last. */
export function criticalPath(tree: Tree): ReadonlySet<string> {
  const path = new Set<string>();
  let index: number | null = latest(tree, 0, tree.nodes.length);
  while (index !== null) {
    const node: Node | undefined = tree.nodes[index];
    if (node === undefined) break;
    path.add(node.span.span_id);
    index = latest(tree, index + 1, index + 1 + node.descendants);
  }
  return path;
}

function latest(tree: Tree, from: number, to: number): number | null {
  let found: number | null = null;
  for (let index = from; index < to; ) {
    const node = tree.nodes[index];
    if (node === undefined) break;
    if (found === null || node.end > (tree.nodes[found]?.end ?? 0)) found = index;
    index += node.descendants + 1;
  }
  return found;
}

/** Ids of the spans above one, the nearest first. */
export function ancestors(tree: Tree, spanId: string): string[] {
  const found: string[] = [];
  let span = tree.nodes[tree.byId.get(spanId) ?? -1]?.span;
  while (span !== undefined && span.parent_span_id !== null && !found.includes(span.parent_span_id)) {
    span = tree.nodes[tree.byId.get(span.parent_span_id) ?? -1]?.span;
    if (span !== undefined) found.push(span.span_id);
  }
  return found;
}

/** The failed span that comes after a place, from the top again behind the last; null when none failed. */
export function nextError(tree: Tree, after: number): string | null {
  const { nodes } = tree;
  for (let step = 1; step <= nodes.length; step += 1) {
    const node = nodes[(after + step + nodes.length) % nodes.length];
    if (node !== undefined && node.span.status !== "success") return node.span.span_id;
  }
  return null;
}
