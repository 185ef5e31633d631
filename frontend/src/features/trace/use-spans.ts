import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { bodyOf, client } from "@/api/client";
import type { Span } from "@/api/schema";
import { TRACES, traceQuery } from "@/api/traces";
import { EMPTY_TREE, grown, type Tree } from "@/features/trace/tree";

/** Trees by the spans that were added last, so that each page costs what it adds and not what came before. */
const trees = new WeakMap<readonly Span[], { before: Tree; tree: Tree }>();

function withSpans(before: Tree, spans: readonly Span[]): Tree {
  const known = trees.get(spans);
  if (known?.before === before) return known.tree;
  const tree = grown(before, spans);
  trees.set(spans, { before, tree });
  return tree;
}

/** A trace and its spans: the first thousand at once, the others as they come. */
export function useTrace(traceId: string) {
  const trace = useQuery(traceQuery(traceId));
  const first = trace.data?.spans_cursor ?? null;
  const rest = useInfiniteQuery({
    queryKey: [TRACES, "spans", traceId, first],
    queryFn: ({ signal, pageParam }) =>
      bodyOf(
        client.GET("/api/v1/traces/{trace_id}/spans", {
          params: { path: { trace_id: traceId }, query: { cursor: pageParam } },
          signal,
        }),
      ),
    initialPageParam: first ?? "",
    getNextPageParam: (page) => page.pagination.cursor ?? undefined,
    enabled: first !== null,
    staleTime: Infinity,
    // Pages never change, and comparing all of them each time that one is added takes longer than drawing it.
    structuralSharing: false,
  });
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = rest;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const pages = rest.data?.pages;
  const head = trace.data?.spans;
  const tree = useMemo(
    () => [head ?? [], ...(pages ?? []).map((page) => page.data)].reduce(withSpans, EMPTY_TREE),
    [head, pages],
  );
  const isComplete = trace.data !== undefined && (first === null || (rest.isSuccess && !hasNextPage));
  return { trace, tree, isComplete, restError: rest.error, retryRest: () => void rest.fetchNextPage() };
}
