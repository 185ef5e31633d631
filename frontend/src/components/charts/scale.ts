import { nice, ticks } from "d3-array";
import type { Point } from "@/components/charts/chart";
import { dayTicks, formatDay, formatTick } from "@/lib/format";

/** The distance of two buckets in milliseconds. */
export function bucketOf(points: readonly Point[]): number {
  const [first, second] = points;
  return first && second ? new Date(second.time).getTime() - new Date(first.time).getTime() : 3_600_000;
}

/** Round values from 0 to at least the largest one, with about so many steps between them. */
export function axisTicks(most: number, steps = 3): number[] {
  if (!(most > 0) || !Number.isFinite(most)) return [0, 1];
  const [, end] = nice(0, most, steps);
  return ticks(0, end, steps);
}

/** A horizontal axis: where the middle of each bucket is, and which bucket is at a place; all in pixels. */
export interface Across {
  width: number;
  /** From one bucket to the next. */
  step: number;
  /** Whether a bucket is as wide as the step, or a point. */
  isBanded: boolean;
  at: (index: number) => number;
  indexAt: (x: number) => number;
}

/** Buckets side by side over the whole width, as bars need them, or with the first and the last one at its ends. */
export function across(count: number, width: number, banded: boolean): Across {
  const isBanded = banded || count < 2;
  const step = isBanded ? width / Math.max(1, count) : width / (count - 1);
  const first = isBanded ? step / 2 : 0;
  return {
    width,
    step,
    isBanded,
    at: (index) => first + index * step,
    indexAt: (x) => Math.max(0, Math.min(count - 1, Math.round((x - first) / step))),
  };
}

/** The names below a chart, by the buckets that have one: the days of a long range, else as many times as find room. */
export function bucketNames(times: readonly string[], bucketMs: number, { width, step }: Across, room: number): Map<number, string> {
  const most = Math.max(1, Math.floor(width / room));
  const days = dayTicks(times, most);
  if (days) return new Map(days.map((day) => [times.indexOf(day), formatDay(day)]));
  const every = Math.max(1, Math.ceil(room / Math.max(1, step)));
  return new Map(times.flatMap((time, index) => (index % every === 0 ? [[index, formatTick(time, bucketMs)]] : [])));
}
