import { type QueryKey, useQuery, type UseQueryOptions } from "@tanstack/react-query";
import { ApiError } from "@/api/errors";
import type { Point, Series } from "@/components/charts/chart";
import { type Scope, useRange } from "@/features/range/range";

/** What answers over time say of themselves. */
export interface Charted {
  from: string;
  to: string;
  granularity: string;
}

/** The range before that of a chart, and how far its buckets lie back. */
export interface PeriodBefore {
  from: string;
  to: string;
  shiftMs: number;
}

/**
 * Returns the period before that of a chart, moved by whole buckets: the same hour of the day before stands below
 * each hour of the last 24. Null for fewer than two buckets, whose length is not known.
 */
export function periodBefore({ from, to }: Pick<Charted, "from" | "to">, times: readonly string[]): PeriodBefore | null {
  const starts = times.map((time) => Date.parse(time));
  const [first, second, last] = [starts[0], starts[1], starts.at(-1)];
  if (first === undefined || second === undefined || last === undefined) return null;
  const bucket = second - first;
  const shiftMs = Math.max(1, Math.floor((Date.parse(to) - Date.parse(from)) / bucket)) * bucket;
  return { from: new Date(first - shiftMs).toISOString(), to: new Date(last + bucket - shiftMs).toISOString(), shiftMs };
}

interface Before<Data> {
  data: Data;
  shiftMs: number;
}

interface Compared<Data> {
  before: Before<Data> | null;
  /** Why the period before cannot be shown, null when it can or is not wanted. */
  problem: string | null;
}

/**
 * Asks for the period before that of a chart, when the page compares.
 *
 * @param chart - The answer that the chart shows, undefined before it is there.
 * @param times - The starts of its buckets.
 * @param ask - Makes the query of the same chart for another range.
 */
export function useBefore<Data, Key extends QueryKey>(
  chart: Charted | undefined,
  times: readonly string[],
  ask: (scope: Scope & { granularity: string }) => UseQueryOptions<Data, Error, Data, Key>,
): Compared<Data> {
  const { state, scope } = useRange();
  const period = state.compare && chart ? periodBefore(chart, times) : null;
  const query = useQuery({
    ...ask({ ...scope, range: undefined, from: period?.from ?? "", to: period?.to ?? "", granularity: chart?.granularity ?? "" }),
    enabled: period !== null,
  });
  if (period === null) return { before: null, problem: null };
  if (query.data === undefined) return { before: null, problem: query.error ? reasonOf(query.error) : null };
  return { before: { data: query.data, shiftMs: period.shiftMs }, problem: null };
}

function reasonOf(error: Error): string {
  const detail = error instanceof ApiError ? error.details[0] : undefined;
  return detail ? `${detail.field} ${detail.message}` : error.message;
}

/** A line of the period before. */
export interface BeforeLine {
  key: string;
  label: string;
  colour?: string;
  /** Starts of its own buckets, and a value for each. */
  times: readonly string[];
  values: readonly (number | null)[];
}

/** A chart with lines of the period before, moved onto its time. */
export function withBefore(
  chart: { series: readonly Series[]; points: readonly Point[] },
  lines: readonly BeforeLine[],
  shiftMs: number,
): { series: Series[]; points: Point[] } {
  const byTime = lines.map(({ key, times, values }) => ({
    key,
    values: new Map(times.map((time, index) => [Date.parse(time) + shiftMs, values[index] ?? null])),
  }));
  return {
    series: [
      ...chart.series,
      ...lines.map(({ key, label, colour = "var(--muted)" }) => ({ key, label, colour, dashed: true })),
    ],
    points: chart.points.map(({ time, values }) => ({
      time,
      values: { ...values, ...Object.fromEntries(byTime.map((line) => [line.key, line.values.get(Date.parse(time)) ?? null])) },
    })),
  };
}
