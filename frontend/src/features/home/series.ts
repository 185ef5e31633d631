import type { CostTrend, HomeKpis, Throughput } from "@/api/schema";
import type { Point, Series } from "@/components/charts/chart";
import { identityColours, OTHER_COLOUR } from "@/components/charts/colours";

export const OUTCOMES: readonly Series[] = [
  { key: "success", label: "Success", colour: "var(--chart-3)" },
  { key: "error", label: "Error", colour: "var(--chart-4)" },
  { key: "timeout", label: "Timeout", colour: "var(--chart-2)" },
];

export function outcomePoints({ points }: Throughput): Point[] {
  return points.map(({ time, success, error, timeout }) => ({ time, values: { success, error, timeout } }));
}

/** How a model is called in charts; calls that name none are their own series. */
export function modelName(model: string | null, isOther: boolean): string {
  return isOther ? "Other models" : (model ?? "No model named");
}

/** The cost by model as stacked series; what is not listed is one of them. */
export function costSeries(trend: CostTrend): { series: Series[]; points: Point[] } {
  const listed = trend.by_model.map((entry, index) => ({ ...entry, key: `m${index}`, label: modelName(entry.model, entry.is_other) }));
  const colours = identityColours(listed.filter((entry) => !entry.is_other).map((entry) => entry.label));
  return {
    series: listed.map(({ key, label }) => ({ key, label, colour: colours.get(label) ?? OTHER_COLOUR })),
    points: trend.times.map((time, index) => ({
      time,
      values: Object.fromEntries(listed.map(({ key, cost_usd }) => [key, cost_usd[index] ?? null])),
    })),
  };
}

/** One key figure over time, for its card. */
export function kpiTrend({ trend }: HomeKpis, name: "requests" | "avg_latency_ms" | "p95_latency_ms" | "error_rate" | "cost_usd"): (number | null)[] {
  return trend.map((point) => point[name]);
}
