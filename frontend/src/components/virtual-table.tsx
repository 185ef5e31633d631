"use client";

import { ArrowDown, ArrowUp } from "lucide-react";
import { useRouter } from "next/navigation";
import { type KeyboardEvent, type ReactNode, useEffect, useState } from "react";
import { type RowWindow, useRowWindow } from "@/components/windowed";
import { isForPage } from "@/lib/keys";
import { cn } from "@/lib/cn";
import type { SortValue } from "@/lib/sort";

const ROW = 36;
const HEADING = 33;
/** The next page is asked for when so few rows are left below. */
const AHEAD = 30;

export interface VirtualColumn<Row> {
  id: string;
  label: string;
  /** Width in pixels; what is left goes to the columns that grow. */
  width: number;
  grows?: boolean;
  align?: "right";
  /** What the list can be sorted by, as the gateway calls it. */
  sort?: string;
  cell: (row: Row) => ReactNode;
  /** What exports say; columns without it are in none. */
  value?: (row: Row) => SortValue;
}

export type Direction = "ascending" | "descending" | "none";

interface VirtualTableProps<Row> {
  label: string;
  rows: readonly Row[];
  columns: readonly VirtualColumn<Row>[];
  keyOf: (row: Row) => string;
  /** Where a row leads. */
  hrefOf: (row: Row) => string;
  /** Names the row that was left last; the list begins there when people come back to it. */
  startAt?: () => string | null;
  directionOf: (sort: string) => Direction;
  onSort: (sort: string) => void;
  hasMore: boolean;
  isLoadingMore: boolean;
  onMore: () => void;
}

/** Thousands of rows that the gateway sorts and hands out in pages; those in sight are drawn. */
export function VirtualTable<Row>({
  label, rows, columns, keyOf, hrefOf, startAt, directionOf, onSort, hasMore, isLoadingMore, onMore,
}: VirtualTableProps<Row>) {
  const router = useRouter();
  const [at, setAt] = useState(() => {
    const key = startAt?.() ?? null;
    return key === null ? -1 : rows.findIndex((row) => keyOf(row) === key);
  });
  const { rows: windowed, attach, from, to } = useRowWindow(rows.length, ROW, HEADING);
  useEffect(() => {
    if (hasMore && !isLoadingMore && to >= rows.length - AHEAD) onMore();
  }, [hasMore, isLoadingMore, to, rows.length, onMore]);

  useEffect(() => {
    if (at < 0) return;
    windowed.show(at);
    const frame = requestAnimationFrame(() => isFocusFree() && focusRow(windowed, at));
    return () => cancelAnimationFrame(frame);
    // Only where it begins: afterwards the focus moves `at`, and not the other way round.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, []);

  useEffect(() => {
    function onKey(event: globalThis.KeyboardEvent) {
      if (!isForPage(event)) return;
      const step = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (step === 0 || rows.length === 0) return;
      const next = Math.max(0, Math.min(rows.length - 1, at + step));
      setAt(next);
      windowed.show(next);
      requestAnimationFrame(() => focusRow(windowed, next));
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [at, windowed, rows.length]);

  const template = columns.map(({ width, grows }) => (grows ? `minmax(${width}px, 1fr)` : `${width}px`)).join(" ");
  const minWidth = columns.reduce((sum, { width }) => sum + width + 12, 20);
  const onRowKey = (event: KeyboardEvent, row: Row) => {
    if (event.key === "Enter") router.push(hrefOf(row));
  };
  return (
    <div ref={attach} className="min-h-0 flex-1 overflow-auto" tabIndex={-1}>
      <div role="table" aria-label={label} aria-rowcount={hasMore ? -1 : rows.length + 1} style={{ minWidth }} className="text-sm">
        <div role="rowgroup" className="sticky top-0 z-10 border-b border-line bg-surface">
          <div role="row" aria-rowindex={1} className="grid h-8 items-center gap-3 px-4 text-xs text-muted" style={{ gridTemplateColumns: template }}>
            {columns.map((column) => (
              <HeaderCell key={column.id} column={column} directionOf={directionOf} onSort={onSort} />
            ))}
          </div>
        </div>
        <div role="rowgroup" className="relative" style={{ height: rows.length * ROW }}>
          {rows.slice(from, to).map((row, offset) => {
            const index = from + offset;
            return (
              <div
                key={keyOf(row)}
                role="row"
                aria-rowindex={index + 2}
                data-row={index}
                tabIndex={index === Math.max(0, at) ? 0 : -1}
                onFocus={() => setAt(index)}
                onKeyDown={(event) => onRowKey(event, row)}
                onClick={() => router.push(hrefOf(row))}
                className="absolute inset-x-0 grid cursor-pointer contain-strict items-center gap-3 border-b border-line px-4 hover:bg-raised focus-visible:bg-raised focus-visible:-outline-offset-2"
                style={{ height: ROW, transform: `translateY(${index * ROW}px)`, gridTemplateColumns: template }}
              >
                {columns.map((column, place) => (
                  <div key={column.id} role="cell" className={cn("min-w-0 truncate", column.align === "right" && "tabular text-right")}>
                    {place === 0 ? (
                      <a
                        href={hrefOf(row)}
                        tabIndex={-1}
                        onClick={(event) => {
                          // The row leads there without a new document; a click for a new tab is the browser's.
                          if (event.metaKey || event.ctrlKey) event.stopPropagation();
                          else event.preventDefault();
                        }}
                      >
                        {column.cell(row)}
                      </a>
                    ) : (
                      column.cell(row)
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

function focusRow({ element }: RowWindow, index: number): void {
  element?.querySelector<HTMLElement>(`[data-row="${index}"]`)?.focus({ preventScroll: true });
}

/** Whether nothing in particular has the focus. */
function isFocusFree(): boolean {
  return document.activeElement === document.body || document.activeElement?.tagName === "MAIN";
}

function HeaderCell<Row>({ column, directionOf, onSort }: { column: VirtualColumn<Row> } & Pick<VirtualTableProps<Row>, "directionOf" | "onSort">) {
  const { sort, label, align } = column;
  const direction = sort === undefined ? undefined : directionOf(sort);
  return (
    <div role="columnheader" aria-sort={direction} className={cn("truncate font-medium", align === "right" && "text-right")}>
      {sort === undefined ? (
        label
      ) : (
        <button type="button" className="inline-flex items-center gap-1 hover:text-text" onClick={() => onSort(sort)}>
          {label}
          {direction === "ascending" ? <ArrowUp className="size-3" aria-hidden /> : direction === "descending" ? <ArrowDown className="size-3" aria-hidden /> : null}
        </button>
      )}
    </div>
  );
}
