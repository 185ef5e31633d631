import { expect, it } from "vitest";
import { pathWith } from "@/features/range/range";

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
