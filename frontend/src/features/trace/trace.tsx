"use client";

import { ChevronsDownUp, ChevronsUpDown, CircleX, ListTree } from "lucide-react";
import { useRouter } from "next/navigation";
import { parseAsString, parseAsStringLiteral, useQueryState } from "nuqs";
import dynamic from "next/dynamic";
import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { useMay } from "@/api/account";
import { ApiError } from "@/api/errors";
import { Link } from "@/components/link";
import { EmptyState, ErrorState, StaleNote } from "@/components/states/states";
import { Button } from "@/components/ui/button";
import { CopyLinkButton } from "@/components/ui/copy-button";
import { Skeleton } from "@/components/ui/skeleton";
import { CompareDialog } from "@/features/compare/compare-dialog";
import { PageHeader } from "@/features/frame/page-header";
import { isForPage } from "@/lib/keys";
import { DeleteTrace } from "@/features/trace/delete-trace";
import { SpanPanel } from "@/features/trace/span-panel";
import { SpanTree } from "@/features/trace/span-tree";
import { Summary } from "@/features/trace/summary";
import { ancestors, criticalPath, nextError, visibleNodes } from "@/features/trace/tree";
import { useTrace } from "@/features/trace/use-spans";
import { listHref, neighbour, rememberOpened } from "@/features/traces/neighbours";
import { cn } from "@/lib/cn";
import { formatCount } from "@/lib/format";

const SHAPES = ["tree", "graph", "cost"] as const;
const SHAPE_NAMES = { tree: "Tree and timeline", graph: "Agents", cost: "Cost" } as const;

// The graph's library is loaded by those who look at it.
const AgentGraph = dynamic(() => import("@/features/trace/agent-graph").then((module) => module.AgentGraph), {
  ssr: false,
  loading: () => <Skeleton className="m-4 h-72" />,
});

const Breakdown = dynamic(() => import("@/features/trace/breakdown").then((module) => module.Breakdown), {
  ssr: false,
  loading: () => <Skeleton className="m-4 h-72" />,
});

export function TracePage({ traceId }: { traceId: string }) {
  const { trace, tree, isComplete, restError, retryRest } = useTrace(traceId);
  const [chosen, setChosen] = useQueryState("span", parseAsString.withOptions({ history: "replace" }));
  const [shape, setShape] = useQueryState("view", parseAsStringLiteral(SHAPES).withDefault("tree"));
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set());
  const visible = useMemo(() => visibleNodes(tree, collapsed), [tree, collapsed]);
  const critical = useMemo(() => criticalPath(tree), [tree]);
  const selected = chosen ?? tree.nodes[0]?.span.span_id ?? null;
  // The row is marked at once; what the span holds may follow when keys go through the tree faster than it is drawn.
  const shown = useDeferredValue(selected);
  const span = shown === null ? undefined : tree.nodes[tree.byId.get(shown) ?? -1]?.span;
  const router = useRouter();
  const mayDelete = useMay("admin");

  useEffect(() => rememberOpened(traceId), [traceId]);

  function select(spanId: string) {
    const above = ancestors(tree, spanId);
    if (above.some((id) => collapsed.has(id))) setCollapsed(new Set([...collapsed].filter((id) => !above.includes(id))));
    void setChosen(spanId);
  }
  function toggle(spanId: string) {
    const next = new Set(collapsed);
    if (!next.delete(spanId)) next.add(spanId);
    setCollapsed(next);
  }
  const toNextError = () => {
    const next = nextError(tree, selected === null ? -1 : (tree.byId.get(selected) ?? -1));
    if (next !== null) select(next);
  };

  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if (!isForPage(event)) return;
      if (event.key === "e") toNextError();
      else if (event.key === "Escape") router.push(listHref());
      else if (event.key === "j" || event.key === "k") {
        const at = selected === null ? -1 : visible.indexOf(tree.byId.get(selected) ?? -1);
        const next = tree.nodes[visible[Math.max(0, Math.min(visible.length - 1, at + (event.key === "j" ? 1 : -1)))] ?? -1];
        if (next) select(next.span.span_id);
      } else if (event.key === "[" || event.key === "]") {
        const other = neighbour(traceId, event.key === "[" ? -1 : 1);
        if (other !== null) router.push(`/traces/${encodeURIComponent(other)}`);
      }
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  });

  if (trace.error && trace.data === undefined) {
    const isAbsent = trace.error instanceof ApiError && trace.error.status === 404;
    return (
      <>
        <PageHeader title="Trace" />
        {isAbsent ? (
          <EmptyState
            icon={<ListTree aria-hidden />}
            title="There is no such trace"
            action={
              <Button asChild>
                <Link href="/traces">All traces</Link>
              </Button>
            }
          >
            It may belong to another workspace, be older than what is kept, or not have been stored yet.
          </EmptyState>
        ) : (
          <ErrorState error={trace.error} onRetry={() => void trace.refetch()} />
        )}
      </>
    );
  }
  const { failed } = tree;
  return (
    <div className="flex min-h-dvh flex-col lg:h-dvh">
      <PageHeader
        title={trace.data?.name ?? "Trace"}
        actions={
          <>
            {trace.data ? <CompareDialog trace={trace.data} /> : null}
            <CopyLinkButton />
            {mayDelete && trace.data ? <DeleteTrace traceId={trace.data.trace_id} /> : null}
          </>
        }
      />
      {trace.error ? <StaleNote error={trace.error} updatedAt={trace.dataUpdatedAt} onRetry={() => void trace.refetch()} className="m-2" /> : null}
      {trace.data ? <Summary trace={trace.data} /> : <Skeleton className="m-4 h-16" />}
      <div className="flex flex-wrap items-center gap-2 border-b border-line bg-surface px-4 py-1.5">
        <div role="group" aria-label="Shape" className="flex rounded-md border border-line-strong p-0.5">
          {SHAPES.map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={shape === name}
              onClick={() => void setShape(name)}
              className="h-6 rounded-sm px-2 text-xs text-muted aria-pressed:bg-raised aria-pressed:font-medium aria-pressed:text-text"
            >
              {SHAPE_NAMES[name]}
            </button>
          ))}
        </div>
        <Button variant="ghost" size="sm" onClick={() => setCollapsed(new Set(tree.nodes.filter((node) => node.depth > 0 && node.descendants > 0).map((node) => node.span.span_id)))}>
          <ChevronsDownUp aria-hidden />
          Collapse
        </Button>
        <Button variant="ghost" size="sm" onClick={() => setCollapsed(new Set())}>
          <ChevronsUpDown aria-hidden />
          Expand
        </Button>
        {failed > 0 ? (
          <Button variant="danger" size="sm" onClick={toNextError}>
            <CircleX aria-hidden />
            Next of {formatCount(failed)} {failed === 1 ? "failure" : "failures"}
          </Button>
        ) : null}
        <p role="status" className="ml-auto text-xs text-muted">
          {formatCount(tree.nodes.length)} {tree.nodes.length === 1 ? "span" : "spans"}
          {isComplete ? "" : ` of ${formatCount(trace.data?.span_count)}, loading…`}
        </p>
        {restError ? (
          <p role="alert" className="w-full text-xs text-bad">
            Some spans could not be loaded: {restError.message}{" "}
            <button type="button" className="underline" onClick={retryRest}>
              Try again
            </button>
          </p>
        ) : null}
      </div>
      <div className="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)] lg:grid-cols-[minmax(0,1.15fr)_minmax(0,1fr)]">
        <div className={cn("min-h-0 border-line bg-surface lg:border-r", shape === "tree" ? "h-[45vh] lg:h-auto" : "h-[60vh] overflow-y-auto lg:h-auto")}>
          {trace.data === undefined ? (
            <div role="status" aria-label="Loading" aria-busy className="grid gap-1 p-3">
              {Array.from({ length: 10 }, (_, index) => (
                <Skeleton key={index} className="h-7" />
              ))}
            </div>
          ) : shape === "tree" ? (
            <SpanTree tree={tree} visible={visible} collapsed={collapsed} critical={critical} selected={selected} onSelect={select} onToggle={toggle} />
          ) : shape === "graph" ? (
            <AgentGraph traceId={traceId} onSelect={select} />
          ) : (
            <Breakdown traceId={traceId} />
          )}
        </div>
        <div className="min-h-0 overflow-y-auto border-t border-line lg:border-t-0">
          {span ? <SpanPanel key={span.span_id} traceId={traceId} tree={tree} span={span} /> : null}
          {trace.data && !span ? <EmptyState icon={<ListTree aria-hidden />} title={isComplete ? "No such span in this trace" : "Loading…"} /> : null}
        </div>
      </div>
    </div>
  );
}
