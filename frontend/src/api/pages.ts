import { infiniteQueryOptions, keepPreviousData, type QueryKey } from "@tanstack/react-query";

interface Paged {
  pagination: { cursor?: string | null };
}

/** A list that the gateway hands out in pages, each with the cursor of the next. */
export function pagesQuery<Page extends Paged>(queryKey: QueryKey, ask: (cursor: string | undefined, signal: AbortSignal) => Promise<Page>) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ signal, pageParam }) => ask(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.pagination.cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
}
