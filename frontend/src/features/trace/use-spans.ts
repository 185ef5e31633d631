import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { bodyOf, client } from "@/api/client";
import { TRACES, traceQuery } from "@/api/traces";
import { buildTree } from "@/features/trace/tree";

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
  });
  const { hasNextPage, isFetchingNextPage, isError, fetchNextPage } = rest;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && !isError) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, isError, fetchNextPage]);
  const pages = rest.data?.pages;
  const head = trace.data?.spans;
  const tree = useMemo(() => buildTree([...(head ?? []), ...(pages?.flatMap((page) => page.data) ?? [])]), [head, pages]);
  const isComplete = trace.data !== undefined && (first === null || (rest.isSuccess && !hasNextPage));
  return { trace, tree, isComplete, restError: rest.error, retryRest: () => void rest.fetchNextPage() };
}
