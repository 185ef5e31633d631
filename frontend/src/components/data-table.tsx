"use client";

import { ArrowDown, ArrowUp, ChevronsUpDown, Download } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Button } from "@/components/ui/button";
import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import { csvOf, saveCsv } from "@/lib/csv";
import { type Sort, sorted, type SortValue, useSort } from "@/lib/sort";

export interface Column<Row> {
  key: string;
  label: string;
  /** What rows are sorted by and what exports say; null where there is nothing. */
  value: (row: Row) => SortValue;
  /** What the cell shows, the value itself unless given. */
  cell?: (row: Row) => ReactNode;
  /** Numbers stand right. */
  align?: "left" | "right";
  /** Explains the column. */
  hint?: string;
  isSortable?: boolean;
  /** Holds what can be done with a row: named for those who listen, and in no export. */
  isActions?: boolean;
}

interface DataTableProps<Row> {
  /** What the rows are, for those who do not see the table. */
  label: string;
  /** Names the table in the address and its export; unique on a page. */
  name: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string;
  initialSort: Sort;
  /** How many rows are shown until all are asked for. */
  most?: number;
}

/** A table that sorts in place, and can be saved as CSV. The first column names the row. */
export function DataTable<Row>({ label, name, columns, rows, keyOf, initialSort, most = 10 }: DataTableProps<Row>) {
  const [sort, setSort] = useSort(name, initialSort);
  const [showsAll, setShowsAll] = useState(false);
  // An address may name a column that there is not.
  const by = columns.find((column) => column.key === sort.key);
  const ordered = by ? sorted(rows, by.value, sort.isDescending) : rows;
  const shown = showsAll ? ordered : ordered.slice(0, most);
  return (
    <div className="min-w-0">
      <div className="relative -mx-4 overflow-x-auto px-4" role="region" aria-label={label} tabIndex={0}>
        <table className="w-full text-sm" aria-label={label}>
          <thead className="text-xs text-muted">
            <tr>
              {columns.map((column) => (
                <Heading key={column.key} column={column} sort={sort} onSort={setSort} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={keyOf(row)} className="h-9 border-t border-line hover:bg-raised">
                {columns.map((column, index) => (
                  <Cell key={column.key} column={column} row={row} isName={index === 0} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="mt-2 flex items-center justify-between gap-2 border-t border-line pt-2 text-xs text-muted">
        {rows.length > most ? (
          <Button variant="ghost" size="sm" className="-ml-2" aria-expanded={showsAll} onClick={() => setShowsAll(!showsAll)}>
            {showsAll ? `Show the first ${most}` : `Show all ${rows.length}`}
          </Button>
        ) : (
          <span>{rows.length === 1 ? "1 row" : `${rows.length} rows`}</span>
        )}
        <Button
          variant="ghost"
          size="sm"
          className="-mr-2"
          aria-label={`${label}: save as CSV`}
          onClick={() => saveCsv(`${name}.csv`, tableCsv(columns, ordered))}
        >
          <Download aria-hidden />
          CSV
        </Button>
      </div>
    </div>
  );
}

/** The columns and rows of a table as CSV: exact values in the order that is shown. */
export function tableCsv<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const told = columns.filter(({ isActions }) => !isActions);
  return csvOf([told.map(({ label }) => label), ...rows.map((row) => told.map(({ value }) => value(row)))]);
}

const sideOf = (align: "left" | "right" | undefined) => (align === "right" ? "text-right" : "text-left");

function Heading<Row>({ column, sort, onSort }: { column: Column<Row>; sort: Sort; onSort: (sort: Sort) => void }) {
  const { key, label, align, hint, isSortable = true, isActions = false } = column;
  const edge = "h-8 px-2.5 font-medium whitespace-nowrap first:pl-0 last:pr-0";
  if (!isSortable || isActions) {
    return (
      <th scope="col" className={cn(edge, sideOf(align))}>
        {isActions ? <span className="sr-only">{label}</span> : label}
      </th>
    );
  }
  const isActive = sort.key === key;
  const Arrow = !isActive ? ChevronsUpDown : sort.isDescending ? ArrowDown : ArrowUp;
  const button = (
    <button
      type="button"
      className={cn("relative h-7 rounded-sm hover:text-text", isActive && "text-text")}
      // What is largest interests first, and names from A on.
      onClick={() => onSort({ key, isDescending: isActive ? !sort.isDescending : align === "right" })}
    >
      {label}
      {/* In the gap between columns, where it makes none wider. */}
      <Arrow
        aria-hidden
        className={cn("absolute top-1/2 size-3 -translate-y-1/2", align === "right" ? "right-full mr-0.5" : "left-full ml-0.5", !isActive && "text-faint")}
      />
    </button>
  );
  return (
    <th scope="col" aria-sort={!isActive ? "none" : sort.isDescending ? "descending" : "ascending"} className={cn(edge, sideOf(align))}>
      {hint ? <Tooltip text={hint}>{button}</Tooltip> : button}
    </th>
  );
}

function Cell<Row>({ column, row, isName }: { column: Column<Row>; row: Row; isName: boolean }) {
  const content = column.cell ? column.cell(row) : column.value(row);
  const look = cn("px-2.5 whitespace-nowrap first:pl-0 last:pr-0", sideOf(column.align));
  return isName ? (
    <th scope="row" className={cn(look, "font-normal")}>
      {content}
    </th>
  ) : (
    <td className={look}>{content}</td>
  );
}

/** A share of 100 as a bar beside its number. */
export function ShareBar({ percent, text, colour = "var(--accent)" }: { percent: number | null; text: string; colour?: string }) {
  return (
    <span className="inline-flex w-32 items-center gap-2">
      <span aria-hidden className="h-1.5 min-w-0 flex-1 overflow-hidden rounded-full bg-raised">
        <span className="block h-full rounded-full" style={{ width: `${Math.min(100, percent ?? 0)}%`, background: colour }} />
      </span>
      <span className="w-14 text-right">{text}</span>
    </span>
  );
}
