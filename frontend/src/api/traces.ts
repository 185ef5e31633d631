import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { useChange } from "@/api/change";
import { bodyOf, client, dataOf } from "@/api/client";
import { FIGURES } from "@/api/figures";
import { pagesQuery } from "@/api/pages";
import type { paths } from "@/api/schema";

/** First part of the key of everything about traces. */
export const TRACES = "traces";

export type TraceParameters = NonNullable<paths["/api/v1/traces"]["get"]["parameters"]["query"]>;
export type FacetParameters = NonNullable<paths["/api/v1/traces/facets"]["get"]["parameters"]["query"]>;
export type SessionParameters = NonNullable<paths["/api/v1/sessions"]["get"]["parameters"]["query"]>;
export type UserParameters = NonNullable<paths["/api/v1/users"]["get"]["parameters"]["query"]>;

export const traceListQuery = (query: TraceParameters) =>
  pagesQuery([TRACES, "list", query], (cursor, signal) => bodyOf(client.GET("/api/v1/traces", { params: { query: { ...query, cursor } }, signal })));

export const facetsQuery = (query: FacetParameters) =>
  queryOptions({
    queryKey: [TRACES, "facets", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/traces/facets", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const traceQuery = (traceId: string) =>
  queryOptions({
    queryKey: [TRACES, "one", traceId],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/traces/{trace_id}", { params: { path: { trace_id: traceId } }, signal })),
  });

/** Leaves the trace itself unread: it is gone. */
export const useDeleteTrace = () =>
  useChange(
    (traceId: string) => bodyOf(client.DELETE("/api/v1/traces/{trace_id}", { params: { path: { trace_id: traceId } } })),
    [[TRACES, "list"], [TRACES, "facets"], [TRACES, "sessions"], [TRACES, "session"], [TRACES, "users"], [TRACES, "user"], [FIGURES]],
  );

export const spanQuery = (traceId: string, spanId: string) =>
  queryOptions({
    queryKey: [TRACES, "span", traceId, spanId],
    queryFn: ({ signal }) =>
      dataOf(
        client.GET("/api/v1/traces/{trace_id}/spans/{span_id}", {
          params: { path: { trace_id: traceId, span_id: spanId } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

export const graphQuery = (traceId: string) =>
  queryOptions({
    queryKey: [TRACES, "graph", traceId],
    queryFn: ({ signal }) =>
      dataOf(client.GET("/api/v1/traces/{trace_id}/graph", { params: { path: { trace_id: traceId } }, signal })),
    staleTime: 60_000,
  });

export const sessionListQuery = (query: SessionParameters) =>
  pagesQuery([TRACES, "sessions", query], (cursor, signal) => bodyOf(client.GET("/api/v1/sessions", { params: { query: { ...query, cursor } }, signal })));

export const sessionQuery = (sessionId: string) =>
  queryOptions({
    queryKey: [TRACES, "session", sessionId],
    queryFn: ({ signal }) =>
      dataOf(client.GET("/api/v1/sessions/{session_id}", { params: { path: { session_id: sessionId } }, signal })),
  });

export const userListQuery = (query: UserParameters) =>
  pagesQuery([TRACES, "users", query], (cursor, signal) => bodyOf(client.GET("/api/v1/users", { params: { query: { ...query, cursor } }, signal })));

export const userQuery = (userId: string) =>
  queryOptions({
    queryKey: [TRACES, "user", userId],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/users/{user_id}", { params: { path: { user_id: userId } }, signal })),
  });

export const VIEWS = ["views"] as const;

export const viewsQuery = () =>
  queryOptions({
    queryKey: VIEWS,
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/views", { params: { query: { page: "traces" } }, signal })),
  });
