import { expect, it } from "vitest";
import { chartScopeOf, pathWith, type RangeState } from "@/features/range/range";

const SEARCH = new URLSearchParams("range=7d&environment=production,staging&compare=1&users_sort=-cost&by=tool");

it("takes range and environment along, and nothing of the page that is left", () => {
  expect(pathWith("/traces", SEARCH)).toBe("/traces?range=7d&environment=production%2Cstaging&compare=1");
});

it("adds filters whose values hold commas and signs", () => {
  const query = new URL(pathWith("/traces", new URLSearchParams(), { user_id: "a,b&c", status: ["error", "timeout"] }), "http://localhost").searchParams;
  expect(query.get("user_id")).toBe("a%2Cb&c");
  expect(query.get("status")).toBe("error,timeout");
});

it("leaves an address without parameters bare", () => {
  expect(pathWith("/usage", new URLSearchParams("by=tool"))).toBe("/usage");
});

const NOW = Date.parse("2026-11-10T00:00:00Z");
const state = (from: string | null, to: string | null, compare = true): RangeState => ({ range: "24h", from, to, compare, environment: [], agent_id: [] });

it.each([
  ["a preset", state(null, null), undefined],
  ["two days, whose period before is older than fine buckets are", state("2026-11-08T00:00:00Z", "2026-11-10T00:00:00Z"), "1h"],
  ["the same up to now", state("2026-11-08T00:00:00Z", null), "1h"],
  ["the same without a comparison", state("2026-11-08T00:00:00Z", null, false), undefined],
  ["a day, whose period before has fine buckets too", state("2026-11-09T00:00:00Z", "2026-11-10T00:00:00Z"), undefined],
  ["days that are old themselves", state("2026-11-04T00:00:00Z", "2026-11-06T00:00:00Z"), undefined],
])("chooses buckets that can be compared for %s", (_, given, granularity) => {
  expect(chartScopeOf(given, NOW).granularity).toBe(granularity);
});
