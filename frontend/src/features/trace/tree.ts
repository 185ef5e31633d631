import type { Span } from "@/api/schema";

/** A span in its place: how deep, how many below it, and when it ran. */
export interface Node {
  span: Span;
  depth: number;
  /** Place of the span above it, -1 at the top. */
  parent: number;
  /** Which one it is of those below the same span, from 1 on. */
  position: number;
  /** How many are directly below it. */
  children: number;
  /** How many are below it, at any depth; they follow it in the order of the tree. */
  descendants: number;
  /** Milliseconds since the Unix epoch. */
  start: number;
  /** Milliseconds since the Unix epoch; the start where the end is not known. */
  end: number;
}

/** The tree of a trace in the order it is read: each span before those below it. */
export interface Tree {
  nodes: readonly Node[];
  byId: ReadonlyMap<string, number>;
  /** How many are at the top. */
  tops: number;
  /** How many did not succeed. */
  failed: number;
  /** First start and last end, milliseconds since the Unix epoch. */
  start: number;
  end: number;
  /** Places of the last span and of those above it, below which further ones may come. */
  open: readonly number[];
}

export const EMPTY_TREE: Tree = { nodes: [], byId: new Map(), tops: 0, failed: 0, start: Infinity, end: -Infinity, open: [] };

/** Milliseconds from the first start to the last end. */
export function lengthOf({ start, end }: Tree): number {
  return Math.max(0, end - start);
}

/**
 * The tree with further spans behind those that it has, in tree order; a span whose parent is not among them stands at the top.
 *
 * Nodes that do not change stay the same objects, so that only those have to be drawn again that do.
 */
export function grown(tree: Tree, spans: readonly Span[]): Tree {
  const nodes = [...tree.nodes];
  const byId = new Map(tree.byId);
  const open = [...tree.open];
  const old = tree.nodes.length;
  const copied = new Set<number>();
  let { tops, failed, start, end } = tree;

  function own(index: number): Node | undefined {
    const node = nodes[index];
    if (node === undefined || index >= old || copied.has(index)) return node;
    copied.add(index);
    return (nodes[index] = { ...node });
  }
  function setDescendants(index: number, descendants: number): void {
    if (nodes[index]?.descendants === descendants) return;
    const node = own(index);
    if (node) node.descendants = descendants;
  }

  for (const span of spans) {
    if (byId.has(span.span_id)) continue;
    const parent = span.parent_span_id === null ? -1 : (byId.get(span.parent_span_id) ?? -1);
    const above = own(parent);
    const depth = above === undefined ? 0 : above.depth + 1;
    const position = above === undefined ? (tops += 1) : (above.children += 1);
    const begun = Date.parse(span.start_time);
    const ended = begun + Math.max(0, span.duration_ms ?? 0);
    start = Math.min(start, begun);
    end = Math.max(end, ended);
    if (span.status !== "success") failed += 1;
    // Those below a span follow it without a gap, so the next one that is no deeper ends them.
    for (let last = open.at(-1); last !== undefined && (nodes[last]?.depth ?? 0) >= depth; last = open.at(-1)) {
      setDescendants(last, nodes.length - last - 1);
      open.pop();
    }
    open.push(nodes.length);
    byId.set(span.span_id, nodes.length);
    nodes.push({ span, depth, parent, position, children: 0, descendants: 0, start: begun, end: ended });
  }
  for (const index of open) setDescendants(index, nodes.length - index - 1);
  return { nodes, byId, tops, failed, start, end, open };
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
  for (let node = tree.nodes[tree.byId.get(spanId) ?? -1]; node !== undefined; node = tree.nodes[node.parent]) found.push(node.span.span_id);
  return found.slice(1);
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
