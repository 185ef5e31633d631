import { describe, expect, it } from "vitest";
import { fromTree, readTyped, toParameters, toTree, type Filter } from "@/features/traces/filters";

describe("what is typed", () => {
  it("becomes filters and words", () => {
    expect(readTyped('agent:support-bot status:error,timeout cost:>0.05 "order failed" refund')).toEqual({
      filters: [
        { name: "agent_id", values: ["support-bot"] },
        { name: "status", values: ["error", "timeout"] },
        { name: "min_cost_usd", values: ["0.05"] },
      ],
      q: '"order failed" refund',
      problems: [],
    });
  });
  it("takes values with blanks in quotes, and the same filter twice", () => {
    expect(readTyped('user:"Ann B" user:bob').filters).toEqual([{ name: "user_id", values: ["Ann B", "bob"] }]);
  });
  it.each([
    ["duration:>2s", "min_duration_ms", "2000"],
    ["duration:<500", "max_duration_ms", "500"],
    ["duration:>=1.5m", "min_duration_ms", "90000"],
    ["tokens:1000", "min_tokens_total", "1000"],
    ["max_cost_usd:<1", "max_cost_usd", "1"],
  ])("reads %s", (input, name, value) => expect(readTyped(input).filters).toEqual([{ name, values: [value] }]));
  it("leaves what names no filter as words", () => {
    expect(readTyped("http://example.com -draft nothing:here")).toEqual({ filters: [], q: "http://example.com -draft nothing:here", problems: [] });
  });
  it("says what is wrong with a number", () => expect(readTyped("cost:>much").problems).toEqual(["cost:>much needs a number, such as cost:>10"]));
});

const FILTERS: Filter[] = [
  { name: "status", values: ["error"] },
  { name: "agent_id", values: ["a", "b"] },
  { name: "tags", values: ["x", "y"] },
  { name: "has_error", values: ["true"] },
  { name: "min_duration_ms", values: ["250"] },
  { name: "max_cost_usd", values: ["0.5"] },
];

describe("filters", () => {
  it("become parameters", () => {
    expect(toParameters(FILTERS, "refund")).toEqual({
      status: ["error"], agent_id: ["a", "b"], tags: ["x", "y"], has_error: true, min_duration_ms: 250, max_cost_usd: 0.5, q: "refund",
    });
  });
  it("become a tree and come back", () => {
    const tree = toTree(FILTERS);
    expect(tree).toEqual({
      and: [
        { field: "status", op: "in", value: ["error"] },
        { field: "agent_id", op: "in", value: ["a", "b"] },
        { field: "tags", op: "eq", value: "x" },
        { field: "tags", op: "eq", value: "y" },
        { field: "has_error", op: "eq", value: true },
        { field: "duration_ms", op: "gte", value: 250 },
        { field: "cost_usd", op: "lte", value: 0.5 },
      ],
    });
    expect(fromTree(tree)).toEqual(FILTERS);
    expect(toTree([])).toBeNull();
    expect(fromTree(null)).toEqual([]);
  });
  it.each([
    { or: [{ field: "status", op: "eq", value: "error" }] },
    { field: "status", op: "ne", value: "error" },
    { any_span: { field: "kind", op: "eq", value: "tool" } },
    { and: [{ field: "status", op: "in", value: ["error"] }, { field: "status", op: "in", value: ["timeout"] }] },
    { field: "tags", op: "in", value: ["x", "y"] },
    "status",
  ])("say no to a tree that they cannot show: %j", (tree) => expect(fromTree(tree)).toBeNull());
});
