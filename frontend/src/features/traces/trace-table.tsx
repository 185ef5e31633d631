"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { useRouter } from "next/navigation";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Trace } from "@/api/schema";
import { type Column, nextSort } from "@/features/traces/columns";
import type { TraceList } from "@/features/traces/state";
import { isTyping } from "@/features/frame/shortcuts";
import { cn } from "@/lib/cn";

const ROW = 36;
/** The next page is asked for when so few rows are left below. */
const AHEAD = 30;

interface TraceTableProps {
  list: TraceList;
  traces: readonly Trace[];
  columns: readonly Column[];
  hasMore: boolean;
  isLoadingMore: boolean;
  onMore: () => void;
}

/** Thousands of traces, of which those in sight are drawn. */
export function TraceTable({ list, traces, columns, hasMore, isLoadingMore, onMore }: TraceTableProps) {
  const router = useRouter();
  const scroller = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(-1);
  // eslint-disable-next-line react-hooks/incompatible-library -- the virtualizer's state stays in this component
  const rows = useVirtualizer({ count: traces.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 12 });
  const items = rows.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && !isLoadingMore && lastShown >= traces.length - AHEAD) onMore();
  }, [hasMore, isLoadingMore, lastShown, traces.length, onMore]);

  useEffect(() => {
    function onKey(event: globalThis.KeyboardEvent) {
      if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target)) return;
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (step === 0) return;
      const next = Math.max(0, Math.min(traces.length - 1, at + step));
      setAt(next);
      rows.scrollToIndex(next, { align: "auto" });
      requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-row="${next}"]`)?.focus());
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [at, rows, traces.length]);

  const template = columns.map(({ width, grows }) => (grows ? `minmax(${width}px, 1fr)` : `${width}px`)).join(" ");
  const minWidth = columns.reduce((sum, { width }) => sum + width + 12, 0);
  const longest = traces.reduce((most, { duration_ms }) => Math.max(most, duration_ms ?? 0), 0);
  const open = (trace: Trace) => router.push(hrefOf(trace));
  const onRowKey = (event: KeyboardEvent, trace: Trace) => {
    if (event.key === "Enter") open(trace);
  };
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-auto" tabIndex={-1}>
      <div role="table" aria-label="Traces" aria-rowcount={hasMore ? -1 : traces.length + 1} style={{ minWidth }} className="text-sm">
        <div role="rowgroup" className="sticky top-0 z-10 border-b border-line bg-surface">
          <div role="row" aria-rowindex={1} className="grid h-8 items-center gap-3 px-4 text-xs text-muted" style={{ gridTemplateColumns: template }}>
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} list={list} />
            ))}
          </div>
        </div>
        <div role="rowgroup" className="relative" style={{ height: rows.getTotalSize() }}>
          {items.map((item) => {
            const trace = traces[item.index];
            if (trace === undefined) return null;
            return (
              <div
                key={trace.trace_id}
                role="row"
                aria-rowindex={item.index + 2}
                data-row={item.index}
                tabIndex={item.index === Math.max(0, at) ? 0 : -1}
                onFocus={() => setAt(item.index)}
                onKeyDown={(event) => onRowKey(event, trace)}
                onClick={() => open(trace)}
                className="absolute inset-x-0 grid cursor-pointer items-center gap-3 border-b border-line px-4 hover:bg-raised focus-visible:bg-raised focus-visible:-outline-offset-2"
                style={{ height: ROW, transform: `translateY(${item.start}px)`, gridTemplateColumns: template }}
              >
                {columns.map((column, index) => (
                  <div key={column.id} role="cell" className={cn("min-w-0 truncate", column.align === "right" && "tabular text-right")}>
                    {index === 0 ? (
                      <a
                        href={hrefOf(trace)}
                        tabIndex={-1}
                        onClick={(event) => {
                          if (!event.metaKey && !event.ctrlKey) event.preventDefault();
                          else event.stopPropagation();
                        }}
                      >
                        {column.cell(trace, longest)}
                      </a>
                    ) : (
                      column.cell(trace, longest)
                    )}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** Where a trace is shown; the id may hold any sign. */
export function hrefOf(trace: Pick<Trace, "trace_id">): string {
  return `/traces/${encodeURIComponent(trace.trace_id)}`;
}

function HeaderCell({ column, list }: { column: Column; list: TraceList }) {
  const { sort, label, align } = column;
  const direction = sort === undefined ? undefined : list.sort === sort ? "ascending" : list.sort === `-${sort}` ? "descending" : "none";
  return (
    <div role="columnheader" aria-sort={direction} className={cn("truncate font-medium", align === "right" && "text-right")}>
      {sort === undefined ? (
        label
      ) : (
        <button type="button" className="inline-flex items-center gap-1 hover:text-text" onClick={() => list.setSort(nextSort(sort, list.sort))}>
          {label}
          {direction === "ascending" ? <ArrowUp className="size-3" aria-hidden /> : direction === "descending" ? <ArrowDown className="size-3" aria-hidden /> : null}
        </button>
      )}
    </div>
  );
}
