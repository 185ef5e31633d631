"use client";

import { ChevronDown, ChevronRight, CircleX, Timer } from "lucide-react";
import { type KeyboardEvent, memo, type MouseEvent, useEffect, useRef } from "react";
import { useRowWindow } from "@/components/windowed";
import { KINDS } from "@/features/trace/kinds";
import { lengthOf, type Node, type Tree } from "@/features/trace/tree";
import { cn } from "@/lib/cn";
import { formatDuration, formatMoney } from "@/lib/format";

const ROW = 30;
const INDENT = 14;
/** Deeper spans are not indented further, or their names would leave the column. */
const DEEPEST = 14;
/** Rows that a key turns over like a page. */
const PAGE = 20;

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
  const { rows, attach, from, to } = useRowWindow(visible.length, ROW);
  const at = selected === null ? -1 : visible.indexOf(tree.byId.get(selected) ?? -1);
  const brought = useRef<string | null>(null);
  useEffect(() => {
    // Once for each selection: opening and closing other rows moves it, and must not take the reader along.
    if (at < 0 || brought.current === selected) return;
    brought.current = selected;
    rows.show(at);
  }, [at, selected, rows]);
  const length = lengthOf(tree);

  function onKey(event: KeyboardEvent) {
    const next = rowAfter(event.key, at);
    if (next === "toggle") onToggle(tree.nodes[visible[at] ?? -1]?.span.span_id ?? "");
    else {
      const node = next === null ? undefined : tree.nodes[visible[Math.max(0, Math.min(visible.length - 1, next))] ?? -1];
      if (node === undefined) return;
      onSelect(node.span.span_id);
    }
    event.preventDefault();
  }

  /** What a key leads to from a row, as the patterns for trees have it. */
  function rowAfter(key: string, row: number): number | "toggle" | null {
    const node = tree.nodes[visible[row] ?? -1];
    const isOpen = node !== undefined && node.descendants > 0 && !collapsed.has(node.span.span_id);
    switch (key) {
      case "ArrowDown":
        return row + 1;
      case "ArrowUp":
        return row - 1;
      case "PageDown":
        return row + PAGE;
      case "PageUp":
        return row - PAGE;
      case "Home":
        return 0;
      case "End":
        return visible.length - 1;
      case "ArrowRight":
        return isOpen ? row + 1 : node !== undefined && node.descendants > 0 ? "toggle" : null;
      case "ArrowLeft":
        return isOpen ? "toggle" : node !== undefined && node.parent >= 0 ? visible.indexOf(node.parent) : null;
      default:
        return null;
    }
  }

  // One listener for all rows: rows that are given none of their own need not be drawn again.
  function onClick(event: MouseEvent) {
    if (!(event.target instanceof Element)) return;
    const spanId = event.target.closest<HTMLElement>("[data-span]")?.dataset.span;
    if (spanId === undefined) return;
    if (event.target.closest("[data-toggle]")) onToggle(spanId);
    else onSelect(spanId);
  }

  return (
    <div
      ref={attach}
      role="tree"
      aria-label="Spans"
      tabIndex={0}
      aria-activedescendant={at >= from && at < to ? `span-${at}` : undefined}
      onKeyDown={onKey}
      onClick={onClick}
      className="h-full overflow-auto focus-visible:-outline-offset-2"
    >
      <div className="relative min-w-[34rem]" style={{ height: visible.length * ROW }}>
        {visible.slice(from, to).map((index, offset) => {
          const node = tree.nodes[index];
          if (node === undefined) return null;
          const spanId = node.span.span_id;
          return (
            <Row
              key={spanId}
              node={node}
              at={from + offset}
              siblings={tree.nodes[node.parent]?.children ?? tree.tops}
              isSelected={spanId === selected}
              isCollapsed={collapsed.has(spanId)}
              isCritical={critical.has(spanId)}
              origin={tree.start}
              length={length}
            />
          );
        })}
      </div>
    </div>
  );
}

interface RowProps {
  node: Node;
  at: number;
  siblings: number;
  isSelected: boolean;
  isCollapsed: boolean;
  isCritical: boolean;
  origin: number;
  length: number;
}

const Row = memo(function Row({ node, at, siblings, isSelected, isCollapsed, isCritical, origin, length }: RowProps) {
  return (
    <div
      id={`span-${at}`}
      data-span={node.span.span_id}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-posinset={node.position}
      aria-setsize={siblings}
      aria-selected={isSelected}
      aria-expanded={node.descendants > 0 ? !isCollapsed : undefined}
      className={cn(
        "absolute inset-x-0 grid cursor-pointer contain-strict grid-cols-[minmax(0,1fr)_minmax(0,1fr)] items-center gap-3 px-2 text-sm",
        isSelected ? "bg-accent-soft shadow-[inset_2px_0_0_var(--accent)]" : "hover:bg-raised",
      )}
      style={{ height: ROW, transform: `translateY(${at * ROW}px)` }}
    >
      <Name node={node} isCollapsed={isCollapsed} />
      <Bar node={node} origin={origin} length={length} isCritical={isCritical} />
    </div>
  );
});

function Name({ node, isCollapsed }: Pick<RowProps, "node" | "isCollapsed">) {
  const { span, depth, descendants } = node;
  const { icon: Icon, label, colour } = KINDS[span.kind];
  const Chevron = isCollapsed ? ChevronRight : ChevronDown;
  return (
    <span className="flex min-w-0 items-center gap-1.5" style={{ paddingLeft: Math.min(depth, DEEPEST) * INDENT }}>
      {descendants > 0 ? (
        <button
          type="button"
          tabIndex={-1}
          data-toggle
          aria-label={isCollapsed ? `Expand ${span.name}` : `Collapse ${span.name}`}
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

function Bar({ node, origin, length, isCritical }: Pick<RowProps, "node" | "origin" | "length" | "isCritical">) {
  const { span, start, end } = node;
  const whole = length || 1;
  const left = ((start - origin) / whole) * 100;
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
