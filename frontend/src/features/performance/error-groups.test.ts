import { expect, it } from "vitest";
import { exampleOf } from "@/features/performance/error-groups";

it.each([
  [{ trace_id: "order 7?x=1", span_id: "s&1" }, "/traces/order%207%3Fx%3D1?span=s%261"],
  [{ trace_id: "order-7", span_id: null }, "/traces/order-7"],
  [{ trace_id: null, span_id: "s1" }, null],
])("leads from %j to its span", (group, path) => expect(exampleOf(group)).toBe(path));
