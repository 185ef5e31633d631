import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { useChange } from "@/api/change";
import { bodyOf, client, dataOf } from "@/api/client";
import { pagesQuery } from "@/api/pages";
import type { ExportBody, paths, ReplayRequest } from "@/api/schema";

/** First part of the key of what new requests to ingestion change. */
export const INGESTION = "ingestion";
export const JOBS = "jobs";

export type HealthParameters = NonNullable<paths["/api/v1/ingestion/health"]["get"]["parameters"]["query"]>;
export type LetterParameters = NonNullable<paths["/api/v1/dead-letters"]["get"]["parameters"]["query"]>;
export type JobParameters = NonNullable<paths["/api/v1/jobs"]["get"]["parameters"]["query"]>;

export const ingestionHealthQuery = (query: HealthParameters) =>
  queryOptions({
    queryKey: [INGESTION, "health", query],
    queryFn: ({ signal }) => bodyOf(client.GET("/api/v1/ingestion/health", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const deadLettersQuery = (query: LetterParameters) =>
  pagesQuery([INGESTION, "letters", query], (cursor, signal) => bodyOf(client.GET("/api/v1/dead-letters", { params: { query: { ...query, cursor } }, signal })));

export const jobsQuery = (query: JobParameters) =>
  pagesQuery([JOBS, "list", query], (cursor, signal) => bodyOf(client.GET("/api/v1/jobs", { params: { query: { ...query, cursor } }, signal })));

export const jobQuery = (jobId: string) =>
  queryOptions({
    queryKey: [JOBS, "job", jobId],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: jobId } }, signal })),
  });

export const jobLogsQuery = (jobId: string) =>
  infiniteQueryOptions({
    queryKey: [JOBS, "logs", jobId],
    queryFn: ({ signal, pageParam }) =>
      bodyOf(
        client.GET("/api/v1/jobs/{job_id}/logs", { params: { path: { job_id: jobId }, query: { cursor: pageParam } }, signal }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.pagination.cursor ?? undefined,
  });

export const exportQuery = (exportId: string) =>
  queryOptions({
    queryKey: [JOBS, "export", exportId],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/exports/{export_id}", { params: { path: { export_id: exportId } }, signal })),
  });

export const useReplay = () =>
  useChange((body: ReplayRequest) => dataOf(client.POST("/api/v1/dead-letters/replay", { body })), [[INGESTION], [JOBS]]);

export const useCancelJob = () =>
  useChange((jobId: string) => dataOf(client.DELETE("/api/v1/jobs/{job_id}", { params: { path: { job_id: jobId } } })), [[JOBS]]);

export const useRetryJob = () =>
  useChange((jobId: string) => dataOf(client.POST("/api/v1/jobs/{job_id}/retry", { params: { path: { job_id: jobId } } })), [[JOBS]]);

export const useCreateExport = () =>
  useChange((body: ExportBody) => dataOf(client.POST("/api/v1/exports", { body })), [[JOBS]]);
