import type { CallsOverTime, CostTrend, LatencyOverTime, LatencyPoint, Throughput } from "@/api/schema";
import type { Point, Series } from "@/components/charts/chart";
import { identityColours, OTHER_COLOUR } from "@/components/charts/colours";
import { nameOf } from "@/features/figures/names";
import type { BeforeLine } from "@/features/range/compare";

/** What a chart over time draws. */
export interface ChartData {
  series: readonly Series[];
  points: readonly Point[];
}

export const OUTCOMES: readonly Series[] = [
  { key: "success", label: "Success", colour: "var(--chart-3)" },
  { key: "error", label: "Error", colour: "var(--chart-4)" },
  { key: "timeout", label: "Timeout", colour: "var(--chart-2)" },
];

export function outcomeSeries({ points }: { points: readonly Pick<Throughput["points"][number], "time" | "success" | "error" | "timeout">[] }): ChartData {
  return { series: OUTCOMES, points: points.map(({ time, success, error, timeout }) => ({ time, values: { success, error, timeout } })) };
}

interface Part {
  label: string;
  isOther: boolean;
  values: readonly number[];
}

/** Parts of a whole over time, each in the colour of its name; what is not listed is one of them. */
function partsOf(times: readonly string[], parts: readonly Part[]): ChartData {
  const colours = identityColours(parts.filter((part) => !part.isOther).map((part) => part.label));
  const keyed = parts.map((part, index) => ({ ...part, key: `part${index}` }));
  return {
    series: keyed.map(({ key, label, isOther }) => ({ key, label, colour: isOther ? OTHER_COLOUR : (colours.get(label) ?? OTHER_COLOUR) })),
    points: times.map((time, index) => ({
      time,
      values: Object.fromEntries(keyed.map(({ key, values }) => [key, values[index] ?? null])),
    })),
  };
}

/** The cost by model as stacked series. */
export function costSeries(trend: CostTrend): ChartData {
  return partsOf(trend.times, trend.by_model.map(modelPart));
}

/** The same, each time with all that came before it. */
export function cumulativeCostSeries(trend: CostTrend): ChartData {
  return partsOf(trend.times, trend.by_model.map((entry) => ({ ...modelPart(entry), values: runningSums(entry.cost_usd) })));
}

function modelPart({ model, is_other, cost_usd }: CostTrend["by_model"][number]): Part {
  return { label: is_other ? "Other models" : nameOf("model", model), isOther: is_other, values: cost_usd };
}

function runningSums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => (sum += value));
}

/** Traces by agent as stacked series. */
export function callSeries(calls: CallsOverTime): ChartData {
  return partsOf(
    calls.times,
    calls.by_agent.map(({ agent_id, is_other, calls: values }) => ({
      label: is_other ? "Other agents" : nameOf("agent", agent_id),
      isOther: is_other,
      values,
    })),
  );
}

export const LATENCIES = [
  { key: "p50_latency_ms", label: "p50", colour: "var(--chart-3)" },
  { key: "p95_latency_ms", label: "p95", colour: "var(--chart-1)" },
  { key: "p99_latency_ms", label: "p99", colour: "var(--chart-5)" },
] as const satisfies readonly Series[];

export const FIRST_TOKENS = [
  { key: "p50_ttft_ms", label: "p50", colour: "var(--chart-3)" },
  { key: "p95_ttft_ms", label: "p95", colour: "var(--chart-1)" },
] as const satisfies readonly Series[];

type Percentile = Series & { key: (typeof LATENCIES | typeof FIRST_TOKENS)[number]["key"] };

/** Percentiles over time; a bucket without traces is a gap. */
export function latencySeries({ points }: LatencyOverTime, series: readonly Percentile[]): ChartData {
  return {
    series,
    points: points.map((point) => ({ time: point.time, values: Object.fromEntries(series.map(({ key }) => [key, point[key]])) })),
  };
}

/** Percentiles of the period before, but for the last, which jumps most: each in the colour of its own. */
export function beforePercentiles(before: LatencyOverTime, series: readonly Percentile[]): BeforeLine[] {
  return series.slice(0, 2).map(({ key, label, colour }) => ({
    key: `before_${key}`,
    label: `${label} before`,
    colour,
    times: before.points.map(({ time }) => time),
    values: latencyTrend(before, key),
  }));
}

export function latencyTrend({ points }: LatencyOverTime, key: Exclude<keyof LatencyPoint, "time">): (number | null)[] {
  return points.map((point) => point[key]);
}

/** The share of traces that failed or timed out, over time. */
export function errorTrend({ points }: Throughput): (number | null)[] {
  return points.map(({ requests, error, timeout }) => (requests === 0 ? null : (error + timeout) / requests));
}
