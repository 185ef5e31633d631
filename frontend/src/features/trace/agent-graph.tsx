"use client";

import { useQuery } from "@tanstack/react-query";
import { Background, Controls, type Edge, Handle, MarkerType, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { CircleX, FileSearch, LogIn, ShieldCheck, Sparkles, Star, Workflow, Wrench, Bot, type LucideIcon } from "lucide-react";
import { useTheme } from "next-themes";
import { useMemo } from "react";
import type { Graph, GraphNode } from "@/api/schema";
import { graphQuery } from "@/api/traces";
import { EmptyState, ErrorState, QueryView } from "@/components/states/states";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { arrowsOf, NODE_HEIGHT, NODE_WIDTH, type Placed } from "@/features/trace/graph-parts";
import { usePlaces } from "@/features/trace/use-places";
import { cn } from "@/lib/cn";
import { formatCount, formatDuration, formatMoney } from "@/lib/format";

const ICONS: Readonly<Record<GraphNode["kind"], LucideIcon>> = {
  entry: LogIn,
  agent: Bot,
  tool: Wrench,
  model: Sparkles,
  retriever: FileSearch,
  guardrail: ShieldCheck,
  evaluator: Star,
  trace: Workflow,
};
/** Labels of more arrows than this lie upon each other. */
const MOST_LABELLED = 100;
const KIND_NAMES: Readonly<Record<string, string>> = { parent: "called", handoff: "handed over to", link: "linked to", call: "used" };

/** Who did what: agents, what they handed over and what they called. */
export function AgentGraph({ traceId, onSelect }: { traceId: string; onSelect: (spanId: string) => void }) {
  const graph = useQuery(graphQuery(traceId));
  return (
    <QueryView query={graph} skeleton={<Skeleton className="m-4 h-72" />}>
      {(data) =>
        data.nodes.length === 0 ? (
          <EmptyState icon={<Workflow aria-hidden />} title="No agents in this trace" />
        ) : (
          <div className="flex h-[60vh] flex-col lg:h-[calc(100dvh-12rem)]">
            <Notes graph={data} onSelect={onSelect} />
            <div className="min-h-0 flex-1">
              <Drawing graph={data} />
            </div>
            <details className="border-t border-line px-4 py-2 text-sm">
              <summary className="text-xs text-muted">As a list</summary>
              <ul className="mt-1 max-h-40 overflow-y-auto">
                {data.edges.map((edge) => (
                  <li key={`${edge.source} ${edge.target} ${edge.kind}`}>
                    {nameOf(data, edge.source)} {KIND_NAMES[edge.kind]} {nameOf(data, edge.target)} · {formatCount(edge.count)} ×
                    {edge.error_count > 0 ? ` · ${formatCount(edge.error_count)} failed` : ""}
                  </li>
                ))}
              </ul>
            </details>
          </div>
        )
      }
    </QueryView>
  );
}

function nameOf(graph: Graph, id: string): string {
  const node = graph.nodes.find((candidate) => candidate.id === id);
  return node ? titleOf(node) : id;
}

function titleOf(node: GraphNode): string {
  if (node.grouped !== null) return `${formatCount(node.grouped)} ${node.kind}s`;
  return node.name ?? (node.kind === "entry" ? "Entry" : (node.trace_id ?? node.kind));
}

function Notes({ graph, onSelect }: { graph: Graph; onSelect: (spanId: string) => void }) {
  const failure = graph.first_failure;
  if (failure === null && graph.loops.length === 0 && graph.spans_complete) return null;
  return (
    <div className="flex flex-wrap items-center gap-2 border-b border-line px-4 py-2 text-xs text-muted">
      {failure ? (
        <Button variant="danger" size="sm" onClick={() => onSelect(failure.span_id)}>
          <CircleX aria-hidden />
          First failure: {failure.error.type ?? failure.error.message ?? "unknown"}
        </Button>
      ) : null}
      {graph.loops.map((loop) => (
        <span key={loop.nodes.join()}>
          {loop.nodes.map((id) => nameOf(graph, id)).join(" ↔ ")} went round {formatCount(loop.repeats)} more {loop.repeats === 1 ? "time" : "times"}
        </span>
      ))}
      {graph.spans_complete ? null : <span>Only the first 100,000 spans were looked at.</span>}
    </div>
  );
}

type Drawn = Node<{ node: GraphNode }, "part">;

function Drawing({ graph }: { graph: Graph }) {
  const { places, error } = usePlaces(graph);
  if (error) return <ErrorState error={error} />;
  return places ? <Flow graph={graph} places={places} /> : <Skeleton className="m-4 h-72" />;
}

function Flow({ graph, places }: { graph: Graph; places: ReadonlyMap<string, Placed> }) {
  const { resolvedTheme } = useTheme();
  const { nodes, edges } = useMemo(() => {
    const drawn: Drawn[] = graph.nodes.map((node) => ({
      id: node.id,
      type: "part",
      position: places.get(node.id) ?? { x: 0, y: 0 },
      width: NODE_WIDTH,
      height: NODE_HEIGHT,
      data: { node },
      ariaLabel: `${node.kind} ${titleOf(node)}`,
    }));
    const all = arrowsOf(graph.edges);
    const arrows: Edge[] = all.map((arrow) => ({
      id: arrow.id,
      source: arrow.source,
      target: arrow.target,
      animated: false,
      label: arrow.count > 1 && all.length <= MOST_LABELLED ? `${formatCount(arrow.count)} ×` : "",
      markerEnd: { type: MarkerType.ArrowClosed, color: arrow.errors > 0 ? "var(--bad)" : "var(--line-strong)" },
      style: {
        stroke: arrow.errors > 0 ? "var(--bad)" : "var(--line-strong)",
        strokeWidth: 1.5,
        ...(arrow.kinds.includes("handoff") ? { strokeDasharray: "5 3" } : {}),
      },
      labelStyle: { fill: "var(--muted)", fontSize: 11 },
      labelBgStyle: { fill: "var(--surface)" },
    }));
    return { nodes: drawn, edges: arrows };
  }, [graph, places]);
  return (
    <ReactFlow
      nodes={nodes}
      edges={edges}
      nodeTypes={NODE_TYPES}
      colorMode={resolvedTheme === "dark" ? "dark" : "light"}
      nodesDraggable={false}
      nodesConnectable={false}
      fitView
      minZoom={0.1}
      proOptions={{ hideAttribution: false }}
    >
      <Background color="var(--line)" />
      <Controls showInteractive={false} />
    </ReactFlow>
  );
}

function Part({ data: { node } }: NodeProps<Drawn>) {
  const Icon = ICONS[node.kind];
  return (
    <div className={cn("h-full rounded-lg border bg-surface px-2.5 py-1.5 text-left", node.error_count > 0 ? "border-bad" : "border-line-strong", node.is_first_failure && "border-2")}>
      <Handle type="target" position={Position.Top} className="!opacity-0" />
      <p className="flex items-center gap-1.5 text-sm font-medium">
        <Icon className="size-3.5 shrink-0 text-muted" aria-hidden />
        <span className="truncate">{titleOf(node)}</span>
        {node.error_count > 0 ? <CircleX className="ml-auto size-3.5 shrink-0 text-bad" role="img" aria-label={`${node.error_count} failed`} /> : null}
      </p>
      <p className="tabular mt-0.5 truncate text-xs text-muted">
        {formatCount(node.run_count)} × · {formatDuration(node.duration_ms)}
        {node.cost_usd === null ? "" : ` · ${formatMoney(node.cost_usd)}`}
      </p>
      <Handle type="source" position={Position.Bottom} className="!opacity-0" />
    </div>
  );
}

const NODE_TYPES = { part: Part };
