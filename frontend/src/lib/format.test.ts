import { describe, expect, it } from "vitest";
import {
  formatAgo, formatBytes, formatChange, formatCount, formatDuration, formatMoney, formatMonth, formatPercent, formatPerSecond, formatRate, formatShare, formatTick, formatTime, dayTicks,
  MISSING, shortId, toNumber,
} from "@/lib/format";

describe("numbers", () => {
  it.each([
    [null, MISSING], [undefined, MISSING], ["", MISSING], ["not a number", MISSING],
    [0, "0"], [1284, "1,284"], [9999, "9,999"], [12_900, "12.9 k"], [999_949, "999.9 k"], [999_950, "1 M"],
    [3_400_000, "3.4 M"], [1_200_000_000, "1.2 B"], ["9007199254740993", "9,007,199.3 B"], [2.25, "2.3"], [-12_900, "-12.9 k"],
  ])("writes %s as %s", (value, text) => expect(formatCount(value)).toBe(text));

  it.each([[null, MISSING], [0, "0"], [0.0042, "0.0042"], [0.2504, "0.25"], [12.34, "12.3"], [1284, "1,284"]])("writes the rate %s as %s", (value, text) =>
    expect(formatRate(value)).toBe(text),
  );

  it("reads integers that are texts", () => expect(toNumber("42")).toBe(42));
});

describe("money", () => {
  it.each([
    [null, MISSING], [0, "$0.00"], [1204.5, "$1,204.50"], [0.42, "$0.42"], [0.0042, "$0.0042"], [0.099, "$0.099"],
    [0.0000123, "$0.000012"], [0.00001, "$0.00001"], [0.00000123, "<$0.00001"], [-1e-12, ">-$0.00001"], [-3.5, "-$3.50"], [2_500_000, "$2.5 M"],
  ])("writes %s as %s", (value, text) => expect(formatMoney(value)).toBe(text));
});

describe("durations", () => {
  it.each([
    [null, MISSING], [0, "0 ms"], [0.84, "0.8 ms"], [842, "842 ms"], [999.6, "1 s"], [2400, "2.4 s"], [59_960, "1 min"],
    [200_000, "3 min 20 s"], [3_599_600, "1 h"], [7_500_000, "2 h 5 min"], [90_000_000, "1 d 1 h"],
  ])("writes %s as %s", (value, text) => expect(formatDuration(value)).toBe(text));
});

describe("rates", () => {
  it.each([[null, MISSING], [0, "0 /s"], [1234, "1,234 /s"], [0.036, "2.2 /min"], [0.001, "3.6 /h"]])("writes %s as %s", (value, text) =>
    expect(formatPerSecond(value)).toBe(text),
  );
});

describe("shares", () => {
  it.each([[0, "0 %"], [0.00001, "<0.01 %"], [0.0004, "0.04 %"], [0.032, "3.2 %"], [0.42, "42 %"], [1, "100 %"], [2.345, "235 %"]])(
    "writes %s as %s",
    (value, text) => expect(formatShare(value)).toBe(text),
  );
  it("keeps the sign", () => expect(formatPercent(-12.34)).toBe("-12.3 %"));
});

it.each([[null, MISSING], [-12.34, "12.3 %"], [999, "999 %"], [53_335_688, ">999 %"], [-2000, ">999 %"]])("writes the change %s as %s", (value, text) =>
  expect(formatChange(value)).toBe(text),
);

describe("bytes", () => {
  it.each([[0, "0 B"], [1023, "1,023 B"], [1536, "1.5 KB"], [20 * 1024 * 1024, "20 MB"]])("writes %s as %s", (value, text) =>
    expect(formatBytes(value)).toBe(text),
  );
});

describe("times", () => {
  const now = new Date(2026, 10, 3, 15, 0, 0);
  it("leaves the day out today", () => expect(formatTime(new Date(2026, 10, 3, 14, 3, 22), now)).toBe("14:03:22"));
  it("names the day before", () => expect(formatTime(new Date(2026, 10, 1, 14, 3, 22), now)).toBe("1 Nov, 14:03"));
  it.each([[4, "just now"], [59, "59 s ago"], [200, "3 min ago"], [7300, "2 h ago"], [200_000, "2 d ago"], [-200, "in 3 min"]])(
    "tells %s seconds as %s",
    (seconds, text) => expect(formatAgo(new Date(now.getTime() - seconds * 1000), now)).toBe(text),
  );
  it("shows days at midnight", () => {
    expect(formatTick(new Date(2026, 10, 3, 0, 0), 3_600_000)).toBe("3 Nov");
    expect(formatTick(new Date(2026, 10, 3, 6, 0), 3_600_000)).toBe("06:00");
    expect(formatTick(new Date(2026, 10, 3, 6, 0), 86_400_000)).toBe("3 Nov");
  });
  it("names days under charts of several", () => {
    const start = new Date(2026, 10, 3, 15).getTime();
    const times = Array.from({ length: 120 }, (_, index) => new Date(start + index * 6 * 3_600_000).toISOString());
    const ticks = dayTicks(times) ?? [];
    expect(ticks.length).toBeGreaterThan(5);
    expect(ticks.length).toBeLessThanOrEqual(8);
    expect(ticks.every((time) => new Date(time).getHours() < 6)).toBe(true);
    expect(dayTicks(times.slice(0, 8))).toBeUndefined();
  });
  it("names months in every zone alike", () => expect(formatMonth("2026-11-01")).toBe("November 2026"));
  it("answers nothing for nothing", () => expect(formatTime(null)).toBe(MISSING));
});

it("shortens ids in the middle", () => expect(shortId("4bf92f3577b34da6a3ce929d0e0e4736")).toBe("4bf92f3…4736"));
