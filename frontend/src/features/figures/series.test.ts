import { describe, expect, it } from "vitest";
import type { CallsOverTime, CostTrend, LatencyOverTime, Throughput } from "@/api/schema";
import { OTHER_COLOUR } from "@/components/charts/colours";
import { callSeries, costSeries, cumulativeCostSeries, errorTrend, LATENCIES, latencySeries, outcomeSeries } from "@/features/figures/series";

const RANGE = { from: "2026-11-20T00:00:00Z", to: "2026-11-20T02:00:00Z", granularity: "1h" };
const TIMES = ["2026-11-20T00:00:00Z", "2026-11-20T01:00:00Z"];

const TREND: CostTrend = {
  ...RANGE,
  times: TIMES,
  cost_usd: [3, 1.5],
  cumulative_usd: [3, 4.5],
  by_model: [
    { model: "gpt-5", provider: "openai", is_other: false, total_usd: 3, cost_usd: [2, 1] },
    { model: null, provider: null, is_other: false, total_usd: 1, cost_usd: [1, 0] },
    { model: null, provider: null, is_other: true, total_usd: 0.5, cost_usd: [0, 0.5] },
  ],
};

describe("cost by model", () => {
  it("tells models without a name from those that are not listed", () => {
    const { series } = costSeries(TREND);
    expect(series.map(({ label }) => label)).toEqual(["gpt-5", "No model named", "Other models"]);
    expect(series.map(({ colour }) => colour === OTHER_COLOUR)).toEqual([false, false, true]);
  });

  it("adds up to the total of each time", () => {
    const sums = costSeries(TREND).points.map(({ values }) => Object.values(values).reduce<number>((sum, value) => sum + (value ?? 0), 0));
    expect(sums).toEqual(TREND.cost_usd);
  });

  it("adds up to all that came before", () => {
    const sums = cumulativeCostSeries(TREND).points.map(({ values }) => Object.values(values).reduce<number>((sum, value) => sum + (value ?? 0), 0));
    expect(sums).toEqual(TREND.cumulative_usd);
  });
});

it("names agents of calls", () => {
  const calls: CallsOverTime = {
    ...RANGE,
    times: TIMES,
    calls: [3, 4],
    errors: [0, 1],
    by_agent: [
      { agent_id: null, is_other: false, total: 5, calls: [2, 3] },
      { agent_id: null, is_other: true, total: 2, calls: [1, 1] },
    ],
  };
  expect(callSeries(calls).series.map(({ label }) => label)).toEqual(["No agent named", "Other agents"]);
});

it("keeps times without traces as gaps", () => {
  const none = { avg_latency_ms: null, p50_latency_ms: null, p95_latency_ms: null, p99_latency_ms: null, p50_ttft_ms: null, p95_ttft_ms: null };
  const latency: LatencyOverTime = {
    ...RANGE,
    points: [
      { ...none, time: "2026-11-20T00:00:00Z", requests: 2, p50_latency_ms: 10, p95_latency_ms: 20, p99_latency_ms: 0 },
      { ...none, time: "2026-11-20T01:00:00Z", requests: 0 },
    ],
  };
  expect(latencySeries(latency, LATENCIES).points.map(({ values }) => values)).toEqual([
    { p50_latency_ms: 10, p95_latency_ms: 20, p99_latency_ms: 0 },
    { p50_latency_ms: null, p95_latency_ms: null, p99_latency_ms: null },
  ]);
});

it("counts timeouts as failures, and no traces as nothing known", () => {
  const throughput: Throughput = {
    ...RANGE,
    points: [
      { time: "2026-11-20T00:00:00Z", requests: 8, success: 6, error: 1, timeout: 1, requests_per_second: 0 },
      { time: "2026-11-20T01:00:00Z", requests: 0, success: 0, error: 0, timeout: 0, requests_per_second: 0 },
    ],
  };
  expect(errorTrend(throughput)).toEqual([0.25, null]);
  expect(outcomeSeries(throughput).points[0]?.values).toEqual({ success: 6, error: 1, timeout: 1 });
});
