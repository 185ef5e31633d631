"use client";

import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { ErrorState, NothingFound, StaleNote } from "@/components/states/states";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { type Direction, type VirtualColumn, VirtualTable } from "@/components/virtual-table";
import { csvOf, saveCsv } from "@/lib/csv";
import { formatCount, formatExact } from "@/lib/format";

interface PagedListProps<Row> {
  label: string;
  /** What one and several rows are called. */
  noun: readonly [string, string];
  query: UseInfiniteQueryResult<InfiniteData<{ data: Row[] }>>;
  columns: readonly VirtualColumn<Row>[];
  keyOf: (row: Row) => string;
  hrefOf: (row: Row) => string;
  directionOf: (sort: string) => Direction;
  onSort: (sort: string) => void;
  /** Shown when there is nothing at all. */
  empty: ReactNode;
  /** Takes filters away; undefined when there are none. */
  onClear?: (() => void) | undefined;
}

/** A list in pages with all of its states. */
export function PagedList<Row>({ noun, query, empty, onClear, ...table }: PagedListProps<Row>) {
  const rows = query.data?.pages.flatMap((page) => page.data) ?? [];
  if (query.error && rows.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) {
    return (
      <div role="status" aria-label="Loading" className="grid gap-1 p-4">
        {Array.from({ length: 16 }, (_, index) => (
          <Skeleton key={index} className="h-8" />
        ))}
      </div>
    );
  }
  if (rows.length === 0) return onClear ? <NothingFound onClear={onClear} /> : empty;
  return (
    <>
      {query.error ? <StaleNote error={query.error} updatedAt={query.dataUpdatedAt} onRetry={() => void query.refetch()} className="m-2" /> : null}
      <VirtualTable
        {...table}
        rows={rows}
        hasMore={query.hasNextPage}
        isLoadingMore={query.isFetchingNextPage}
        onMore={() => void query.fetchNextPage()}
      />
      <div className="flex min-h-9 items-center justify-between gap-2 border-t border-line px-4 text-xs text-muted">
        <p role="status">
          {formatCount(rows.length)}
          {query.hasNextPage ? "+" : ""} {rows.length === 1 ? noun[0] : noun[1]}
          {query.isFetching ? " · loading…" : ""}
        </p>
        <Button
          variant="ghost"
          size="sm"
          className="-mr-2"
          aria-label={`${table.label}: save the ${formatExact(rows.length)} loaded as CSV`}
          onClick={() => saveCsv(`${noun[1]}.csv`, listCsv(table.columns, rows))}
        >
          <Download aria-hidden />
          CSV
        </Button>
      </div>
    </>
  );
}

/** The columns of a list that have values, and its loaded rows, as CSV. */
function listCsv<Row>(columns: readonly VirtualColumn<Row>[], rows: readonly Row[]): string {
  const told = columns.flatMap(({ label, value }) => (value ? [{ label, value }] : []));
  return csvOf([told.map(({ label }) => label), ...rows.map((row) => told.map(({ value }) => value(row)))]);
}
