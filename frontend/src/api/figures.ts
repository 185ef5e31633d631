import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import { client, dataOf } from "@/api/client";
import type { paths } from "@/api/schema";

type Asked<Path extends keyof paths> = paths[Path] extends { get: { parameters: { query?: infer Query } } } ? NonNullable<Query> : never;

/** First part of the key of everything that stored traces change. */
export const FIGURES = "figures";

export const homeKpisQuery = (query: Asked<"/api/v1/metrics/home-kpis">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/metrics/home-kpis", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/metrics/home-kpis", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const activityQuery = (query: Asked<"/api/v1/activity/stream">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/activity/stream", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/activity/stream", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const recentAlertsQuery = (query: Asked<"/api/v1/alerts/recent">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/alerts/recent", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/alerts/recent", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const usageOverviewQuery = (query: Asked<"/api/v1/usage/overview">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/usage/overview", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/usage/overview", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const callsOverTimeQuery = (query: Asked<"/api/v1/usage/calls-over-time">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/usage/calls-over-time", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/usage/calls-over-time", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const agentDistributionQuery = (query: Asked<"/api/v1/usage/agent-distribution">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/usage/agent-distribution", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/usage/agent-distribution", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const topUsersQuery = (query: Asked<"/api/v1/usage/top-users">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/usage/top-users", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/usage/top-users", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const costOverviewQuery = (query: Asked<"/api/v1/cost/overview">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/cost/overview", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/cost/overview", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const costTrendQuery = (query: Asked<"/api/v1/cost/trend">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/cost/trend", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/cost/trend", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const costByModelQuery = (query: Asked<"/api/v1/cost/by-model">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/cost/by-model", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/cost/by-model", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const costAnalyticsQuery = (query: Asked<"/api/v1/analytics/costs">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/analytics/costs", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/analytics/costs", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const performanceOverviewQuery = (query: Asked<"/api/v1/performance/overview">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/performance/overview", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/performance/overview", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const latencyOverTimeQuery = (query: Asked<"/api/v1/performance/latency">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/performance/latency", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/performance/latency", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const throughputQuery = (query: Asked<"/api/v1/performance/throughput">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/performance/throughput", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/performance/throughput", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const errorGroupsQuery = (query: Asked<"/api/v1/performance/errors">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/performance/errors", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/performance/errors", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const performanceAnalyticsQuery = (query: Asked<"/api/v1/analytics/performance">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/analytics/performance", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/analytics/performance", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const modelFiguresQuery = (query: Asked<"/api/v1/analytics/models">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/analytics/models", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/analytics/models", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });

export const agentsQuery = (query: Asked<"/api/v1/agents">) =>
  queryOptions({
    queryKey: [FIGURES, "/api/v1/agents", query],
    queryFn: ({ signal }) => dataOf(client.GET("/api/v1/agents", { params: { query }, signal })),
    placeholderData: keepPreviousData,
  });
