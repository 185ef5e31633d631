"use client";

import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Columns3, Download, Filter as FilterIcon, ListTree, Pause, Play } from "lucide-react";
import { Link } from "@/components/link";
import { useSearchParams } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import { useMay } from "@/api/account";
import type { Trace } from "@/api/schema";
import { TRACES, traceListQuery } from "@/api/traces";
import { EmptyState, ErrorState, NothingFound, StaleNote } from "@/components/states/states";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Menu, MenuCheck, MenuContent, MenuLabel, MenuTrigger } from "@/components/ui/menu";
import { Skeleton } from "@/components/ui/skeleton";
import { VirtualTable } from "@/components/virtual-table";
import { ExportDialog } from "@/features/exports/export-dialog";
import { useLive } from "@/features/live/live";
import { RangedHeader } from "@/features/range/ranged-header";
import { columnsOf, COLUMNS, DEFAULT_COLUMNS, nextSort } from "@/features/traces/columns";
import { FacetPanel } from "@/features/traces/facet-panel";
import { FilterBar } from "@/features/traces/filter-bar";
import { toTree } from "@/features/traces/filters";
import { Histogram } from "@/features/traces/histogram";
import { lastOpened, rememberList } from "@/features/traces/neighbours";
import { useTraceList } from "@/features/traces/state";
import { ViewMenu } from "@/features/traces/view-menu";
import { formatCount, formatTime } from "@/lib/format";
import { useStored } from "@/lib/stored";

/** While the list follows what arrives it is read again at most this often. */
const FOLLOW_MS = 2_000;

export function Traces() {
  const list = useTraceList();
  const [storedColumns, setStoredColumns] = useStored("aobs.traces.columns", DEFAULT_COLUMNS.join(","));
  const [facetsShown, setFacetsShown] = useStored("aobs.traces.facets", "shown");
  const [sheetOpen, setSheetOpen] = useState(false);
  const columns = useMemo(() => columnsOf(storedColumns), [storedColumns]);
  const query = useInfiniteQuery(traceListQuery(list.listParameters));
  const pages = query.data?.pages;
  const traces = useMemo(() => pages?.flatMap((page) => page.data) ?? [], [pages]);
  const shownColumns = useMemo(() => {
    const longest = traces.reduce((most, { duration_ms }) => Math.max(most, duration_ms ?? 0), 0);
    return columns.map((column) => ({ ...column, cell: (trace: Trace) => column.cell(trace, longest) }));
  }, [columns, traces]);
  const scannedUntil = pages?.at(-1)?.pagination.scanned_until ?? null;
  const search = useSearchParams().toString();
  useEffect(() => rememberList(`/traces${search === "" ? "" : `?${search}`}`, traces.map((trace) => trace.trace_id)), [traces, search]);
  const mayExport = useMay("write");
  const arrived = useArrivals(list.live);
  const isFiltered = list.filters.length > 0 || list.q !== "";
  // A range without anything has no values to filter by.
  const hasFacets = !query.isSuccess || traces.length > 0 || isFiltered;
  return (
    <div className="flex h-[calc(100dvh-3rem)] flex-col md:h-dvh">
      <RangedHeader
        title="Traces"
        actions={
          <>
            <Button
              variant={list.live ? "primary" : "secondary"}
              aria-pressed={list.live}
              onClick={() => list.setLive(!list.live)}
            >
              {list.live ? <Pause aria-hidden /> : <Play aria-hidden />}
              {list.live ? "Following" : "Follow"}
            </Button>
            {mayExport ? (
              <ExportDialog
                scope={list.range.scope}
                filter={toTree(list.filters)}
                q={list.q === "" ? null : list.q}
                trigger={
                  <Button aria-label="Export">
                    <Download aria-hidden />
                    <span className="hidden sm:inline">Export</span>
                  </Button>
                }
              />
            ) : null}
            <ViewMenu list={list} columns={columns.map(({ id }) => id)} onColumns={(ids) => setStoredColumns(ids.join(","))} />
          </>
        }
      />
      <div className="flex flex-wrap items-start gap-2 border-b border-line bg-surface px-4 py-2">
        <Button
          size="icon"
          aria-label="Show or hide facets"
          aria-pressed={facetsShown === "shown"}
          className="hidden lg:inline-flex"
          onClick={() => setFacetsShown(facetsShown === "shown" ? "hidden" : "shown")}
        >
          <FilterIcon aria-hidden />
        </Button>
        <Button size="icon" aria-label="Facets" className="lg:hidden" onClick={() => setSheetOpen(true)}>
          <FilterIcon aria-hidden />
        </Button>
        <FilterBar list={list} />
        <Menu>
          <MenuTrigger asChild>
            <Button aria-label="Columns">
              <Columns3 aria-hidden />
              <span className="hidden sm:inline">Columns</span>
            </Button>
          </MenuTrigger>
          <MenuContent align="end">
            <MenuLabel>Columns</MenuLabel>
            {COLUMNS.map(({ id, label }) => (
              <MenuCheck
                key={id}
                checked={columns.some((column) => column.id === id)}
                onSelect={(event) => event.preventDefault()}
                onCheckedChange={(checked) =>
                  setStoredColumns(
                    (checked ? [...columns.map((column) => column.id), id] : columns.map((column) => column.id).filter((other) => other !== id)).join(","),
                  )
                }
              >
                {label}
              </MenuCheck>
            ))}
          </MenuContent>
        </Menu>
      </div>
      <div className="flex min-h-0 flex-1">
        {facetsShown === "shown" && hasFacets ? (
          <aside aria-label="Facets" className="hidden w-60 shrink-0 overflow-y-auto border-r border-line bg-surface p-3 lg:block">
            <FacetPanel list={list} />
          </aside>
        ) : null}
        <div className="flex min-w-0 flex-1 flex-col bg-surface">
          {traces.length > 0 ? <Histogram list={list} /> : null}
          {arrived > 0 && !list.live ? (
            <button
              type="button"
              className="border-b border-line bg-accent-soft py-1.5 text-center text-sm font-medium text-accent hover:underline"
              onClick={() => void query.refetch()}
            >
              {formatCount(arrived)} new {arrived === 1 ? "trace" : "traces"}: show
            </button>
          ) : null}
          {query.error && traces.length === 0 ? (
            <ErrorState error={query.error} onRetry={() => void query.refetch()} />
          ) : query.isPending ? (
            <div role="status" aria-label="Loading" className="grid gap-1 p-4">
              {Array.from({ length: 18 }, (_, index) => (
                <Skeleton key={index} className="h-8" />
              ))}
            </div>
          ) : traces.length === 0 ? (
            isFiltered ? (
              <NothingFound onClear={() => list.replaceFilters([], "")} />
            ) : (
              <EmptyState
                icon={<ListTree aria-hidden />}
                title="No traces in this range"
                action={
                  <Button asChild>
                    <Link href="/dashboard">How to send the first trace</Link>
                  </Button>
                }
              >
                Choose a longer range, or send a trace.
              </EmptyState>
            )
          ) : (
            <>
              {query.error ? <StaleNote error={query.error} updatedAt={query.dataUpdatedAt} onRetry={() => void query.refetch()} className="m-2" /> : null}
              <VirtualTable
                label="Traces"
                rows={traces}
                columns={shownColumns}
                keyOf={(trace) => trace.trace_id}
                startAt={lastOpened}
                hrefOf={(trace) => `/traces/${encodeURIComponent(trace.trace_id)}`}
                directionOf={(sort) => (list.sort === sort ? "ascending" : list.sort === `-${sort}` ? "descending" : "none")}
                onSort={(sort) => list.setSort(nextSort(sort, list.sort))}
                hasMore={query.hasNextPage}
                isLoadingMore={query.isFetchingNextPage}
                onMore={() => void query.fetchNextPage()}
              />
              <p role="status" className="flex min-h-8 items-center gap-2 border-t border-line px-4 text-xs text-muted">
                {formatCount(traces.length)}
                {query.hasNextPage ? "+" : ""} {traces.length === 1 ? "trace" : "traces"}
                {scannedUntil ? ` · looked back to ${formatTime(scannedUntil)}` : ""}
                {query.isFetching ? " · loading…" : ""}
              </p>
            </>
          )}
        </div>
      </div>
      <Dialog title="Facets" side="left" open={sheetOpen} onOpenChange={setSheetOpen}>
        <FacetPanel list={list} />
      </Dialog>
    </div>
  );
}

/** How many traces arrived since the list was read; while it follows them it is read again instead. */
function useArrivals(follow: boolean): number {
  const { subscribe } = useLive();
  const queryClient = useQueryClient();
  const [count, setCount] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = () => {
      timer = undefined;
      void queryClient.invalidateQueries({ queryKey: [TRACES, "list"] });
      void queryClient.invalidateQueries({ queryKey: [TRACES, "facets"] });
    };
    const stop = subscribe((event) => {
      // Before the connection was ready nothing was heard of what arrived.
      const isNews = event.event === "traces.stored" || (event.event === "ready" && follow);
      if (!isNews) return;
      if (follow) timer ??= setTimeout(read, FOLLOW_MS);
      else setCount((before) => before + (typeof event.data.count === "number" ? event.data.count : 1));
    });
    // Nor is what has arrived by then shown to whoever begins to follow.
    if (follow) read();
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [subscribe, queryClient, follow]);
  useEffect(() => {
    // Whoever reads the list again has seen what arrived.
    return queryClient.getQueryCache().subscribe((event) => {
      if (event.type === "updated" && event.action.type === "success" && event.query.queryKey[1] === "list") setCount(0);
    });
  }, [queryClient]);
  return count;
}
