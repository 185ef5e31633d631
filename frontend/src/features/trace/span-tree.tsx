"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight, CircleX, Timer } from "lucide-react";
import { useEffect, useRef } from "react";
import { KINDS } from "@/features/trace/kinds";
import type { Node, Tree } from "@/features/trace/tree";
import { cn } from "@/lib/cn";
import { formatDuration, formatMoney } from "@/lib/format";

const ROW = 30;
const INDENT = 14;
/** Deeper spans are not indented further, or their names would leave the column. */
const DEEPEST = 14;

interface SpanTreeProps {
  tree: Tree;
  visible: readonly number[];
  collapsed: ReadonlySet<string>;
  critical: ReadonlySet<string>;
  selected: string | null;
  onSelect: (spanId: string) => void;
  onToggle: (spanId: string) => void;
}

/** Tree and timeline side by side: one row a span, of which those in sight are drawn. */
export function SpanTree({ tree, visible, collapsed, critical, selected, onSelect, onToggle }: SpanTreeProps) {
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtualizer's state stays in this component
  const rows = useVirtualizer({ count: visible.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 16 });
  const at = selected === null ? -1 : visible.indexOf(tree.byId.get(selected) ?? -1);
  useEffect(() => {
    if (at >= 0) rows.scrollToIndex(at, { align: "auto" });
  }, [at, rows]);

  function onKey(event: React.KeyboardEvent) {
    const node = tree.nodes[visible[at] ?? -1];
    const move = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (move !== 0) {
      event.preventDefault();
      const next = tree.nodes[visible[Math.max(0, Math.min(visible.length - 1, at + move))] ?? -1];
      if (next) onSelect(next.span.span_id);
    } else if (node && node.descendants > 0) {
      const isCollapsed = collapsed.has(node.span.span_id);
      if ((event.key === "ArrowRight" && isCollapsed) || (event.key === "ArrowLeft" && !isCollapsed)) onToggle(node.span.span_id);
    }
  }

  return (
    <div
      ref={scroller}
      role="tree"
      aria-label="Spans"
      tabIndex={0}
      aria-activedescendant={at >= 0 ? `span-${at}` : undefined}
      onKeyDown={onKey}
      className="h-full overflow-auto focus-visible:-outline-offset-2"
    >
      <div className="relative min-w-[34rem]" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => {
          const node = tree.nodes[visible[item.index] ?? -1];
          if (node === undefined) return null;
          const { span } = node;
          return (
            <div
              key={span.span_id}
              id={`span-${item.index}`}
              role="treeitem"
              aria-level={node.depth + 1}
              aria-selected={span.span_id === selected}
              aria-expanded={node.descendants > 0 ? !collapsed.has(span.span_id) : undefined}
              onClick={() => onSelect(span.span_id)}
              className={cn(
                "absolute inset-x-0 grid cursor-pointer grid-cols-[minmax(0,1fr)_minmax(0,1fr)] items-center gap-3 px-2 text-sm hover:bg-raised",
                span.span_id === selected && "bg-accent-soft hover:bg-accent-soft",
              )}
              style={{ height: ROW, transform: `translateY(${item.start}px)` }}
            >
              <Name node={node} isCollapsed={collapsed.has(span.span_id)} onToggle={() => onToggle(span.span_id)} />
              <Bar node={node} length={tree.length} isCritical={critical.has(span.span_id)} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Name({ node, isCollapsed, onToggle }: { node: Node; isCollapsed: boolean; onToggle: () => void }) {
  const { span, depth, descendants } = node;
  const { icon: Icon, label, colour } = KINDS[span.kind];
  const Chevron = isCollapsed ? ChevronRight : ChevronDown;
  return (
    <span className="flex min-w-0 items-center gap-1.5" style={{ paddingLeft: Math.min(depth, DEEPEST) * INDENT }}>
      {descendants > 0 ? (
        <button
          type="button"
          tabIndex={-1}
          aria-label={isCollapsed ? `Expand ${span.name}` : `Collapse ${span.name}`}
          onClick={(event) => {
            event.stopPropagation();
            onToggle();
          }}
          className="rounded-sm p-0.5 text-muted hover:text-text"
        >
          <Chevron className="size-3.5" aria-hidden />
        </button>
      ) : (
        <span className="w-4.5 shrink-0" />
      )}
      <Icon className="size-3.5 shrink-0" style={{ color: colour }} role="img" aria-label={label} />
      <span className="truncate" title={span.name}>
        {span.name}
      </span>
      {span.status === "error" ? <CircleX className="size-3.5 shrink-0 text-bad" role="img" aria-label="Error" /> : null}
      {span.status === "timeout" ? <Timer className="size-3.5 shrink-0 text-warn" role="img" aria-label="Timeout" /> : null}
      {isCollapsed ? <span className="shrink-0 text-xs text-muted">+{descendants}</span> : null}
    </span>
  );
}

function Bar({ node, length, isCritical }: { node: Node; length: number; isCritical: boolean }) {
  const { span, start, end } = node;
  const whole = length || 1;
  const left = (start / whole) * 100;
  const width = ((end - start) / whole) * 100;
  return (
    <span className="grid grid-cols-[minmax(0,1fr)_4.25rem_4.25rem] items-center gap-2">
      <span aria-hidden className="relative h-3.5">
        <span
          className={cn("absolute inset-y-0 min-w-0.5 rounded-xs", isCritical ? "opacity-100" : "opacity-45")}
          style={{ left: `${Math.min(left, 99.5)}%`, width: `${width}%`, background: span.status === "success" ? KINDS[span.kind].colour : "var(--bad)" }}
        />
      </span>
      <span className="tabular text-right text-xs text-muted">{formatDuration(span.duration_ms)}</span>
      <span className="tabular text-right text-xs text-muted">{span.cost_usd === null ? "" : formatMoney(span.cost_usd)}</span>
    </span>
  );
}
