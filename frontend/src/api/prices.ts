import { queryOptions } from "@tanstack/react-query";
import { useChange } from "@/api/change";
import { bodyOf, client, dataOf } from "@/api/client";
import { JOBS } from "@/api/operations";
import { pagesQuery } from "@/api/pages";
import type { paths, PriceBody, PriceChange, RepriceParams } from "@/api/schema";

export const PRICES = "prices";

export type PriceParameters = NonNullable<paths["/api/v1/prices"]["get"]["parameters"]["query"]>;

export const pricesQuery = (query: PriceParameters) =>
  pagesQuery([PRICES, "list", query], (cursor, signal) => bodyOf(client.GET("/api/v1/prices", { params: { query: { ...query, cursor } }, signal })));

/** What a repricing would change, worked out at the gateway without changing it; a long one is a job whose result is asked for here. */
export const repricingQuery = (jobId: string) =>
  queryOptions({
    queryKey: [PRICES, "repricing", jobId],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/jobs/{job_id}", { params: { path: { job_id: jobId } }, signal })),
  });

export const useAddPrice = () => useChange((body: PriceBody) => dataOf(client.POST("/api/v1/prices", { body })), [[PRICES]]);

export const useCorrectPrice = () =>
  useChange(
    ({ id, body }: { id: number; body: PriceChange }) => dataOf(client.PUT("/api/v1/prices/{price_id}", { params: { path: { price_id: String(id) } }, body })),
    [[PRICES]],
  );

export const useDeletePrice = () =>
  useChange((id: number) => dataOf(client.DELETE("/api/v1/prices/{price_id}", { params: { path: { price_id: String(id) } } })), [[PRICES]]);

export const useReprice = () => useChange((body: RepriceParams) => dataOf(client.POST("/api/v1/prices/reprice", { body })), [[JOBS]]);
