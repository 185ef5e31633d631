import { describe, expect, it } from "vitest";
import { across, axisTicks, bucketNames } from "@/components/charts/scale";

const times = (count: number, stepMs: number) => Array.from({ length: count }, (_, index) => new Date(Date.UTC(2026, 10, 2) + index * stepMs).toISOString());

describe("axisTicks", () => {
  it.each([
    [3, [0, 1, 2, 3]],
    [100, [0, 50, 100]],
    [0.0042, [0, 0.002, 0.004, 0.006]],
    [7, [0, 2, 4, 6, 8]],
    [0.3, [0, 0.1, 0.2, 0.3]],
  ])("reaches %d in round steps", (most, ticks) => expect(axisTicks(most)).toEqual(ticks));

  it.each([0, -1, Number.NaN, Infinity])("has an axis for %d", (most) => expect(axisTicks(most)).toEqual([0, 1]));
});

describe("across", () => {
  it("gives bars a part of the width each", () => {
    const x = across(4, 400, true);
    expect([x.at(0), x.at(3)]).toEqual([50, 350]);
    expect([x.indexAt(-20), x.indexAt(99), x.indexAt(101), x.indexAt(900)]).toEqual([0, 0, 1, 3]);
  });

  it("begins and ends lines at the edges", () => {
    const x = across(5, 400, false);
    expect([x.at(0), x.at(4)]).toEqual([0, 400]);
    expect([x.indexAt(149), x.indexAt(151)]).toEqual([1, 2]);
  });

  it("puts a single bucket in the middle", () => expect(across(1, 400, false).at(0)).toBe(200));
});

describe("bucketNames", () => {
  it("names as many times as find room", () => {
    const names = bucketNames(times(24, 3_600_000), 3_600_000, across(24, 480, true), 72);
    expect([...names.keys()]).toEqual([0, 4, 8, 12, 16, 20]);
  });

  it("names days over a long range, fewer where it is narrow", () => {
    const month = times(30, 86_400_000);
    const wide = bucketNames(month, 86_400_000, across(30, 1000, true), 72);
    const narrow = bucketNames(month, 86_400_000, across(30, 220, true), 72);
    expect(wide.size).toBeGreaterThan(7);
    expect(narrow.size).toBeLessThanOrEqual(3);
    expect([...narrow.values()].every((name) => /^\d+ \w+$/.test(name))).toBe(true);
  });
});
