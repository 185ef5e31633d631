import { describe, expect, it } from "vitest";
import { periodBefore, withBefore } from "@/features/range/compare";

const HOUR = 3_600_000;

function hours(start: string, count: number, step = 1): string[] {
  return Array.from({ length: count }, (_, index) => new Date(Date.parse(start) + index * step * HOUR).toISOString());
}

describe("the period before", () => {
  it("is the same hours of the week before, though the range ends within one", () => {
    const times = hours("2026-11-20T22:00:00Z", 169);
    const period = periodBefore({ from: "2026-11-20T22:00:00Z", to: "2026-11-27T22:49:00Z" }, times);
    expect(period).toEqual({ from: "2026-11-13T22:00:00.000Z", to: "2026-11-20T23:00:00.000Z", shiftMs: 168 * HOUR });
  });

  it("ends where a whole range begins", () => {
    const period = periodBefore({ from: "2026-11-20T00:00:00Z", to: "2026-11-21T00:00:00Z" }, hours("2026-11-20T00:00:00Z", 24));
    expect(period).toEqual({ from: "2026-11-19T00:00:00.000Z", to: "2026-11-20T00:00:00.000Z", shiftMs: 24 * HOUR });
  });

  it("begins with the bucket, though the range begins within one", () => {
    const period = periodBefore({ from: "2026-11-20T02:00:00Z", to: "2026-11-23T02:00:00Z" }, hours("2026-11-20T00:00:00Z", 13, 6));
    expect(period).toEqual({ from: "2026-11-17T00:00:00.000Z", to: "2026-11-20T06:00:00.000Z", shiftMs: 72 * HOUR });
  });

  it.each([[[]], [["2026-11-20T00:00:00Z"]]])("is not known of %j", (times) => {
    expect(periodBefore({ from: "2026-11-20T00:00:00Z", to: "2026-11-21T00:00:00Z" }, times)).toBeNull();
  });
});

it("moves lines onto the time of the chart; what is missing is a gap", () => {
  const chart = {
    series: [{ key: "calls", label: "Calls", colour: "red" }],
    points: hours("2026-11-20T00:00:00Z", 3).map((time) => ({ time, values: { calls: 1 } })),
  };
  const line = { key: "before", label: "Before", times: hours("2026-11-19T00:00:00Z", 2), values: [5, null] };
  const { series, points } = withBefore(chart, [line], 24 * HOUR);
  expect(series.map(({ key, dashed }) => [key, dashed ?? false])).toEqual([["calls", false], ["before", true]]);
  expect(points.map(({ values }) => values)).toEqual([{ calls: 1, before: 5 }, { calls: 1, before: null }, { calls: 1, before: null }]);
});
