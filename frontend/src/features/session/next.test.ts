import { expect, it } from "vitest";
import { safeNext } from "@/features/session/next";

it.each([
  [null, "/dashboard"],
  ["/traces?status=error", "/traces?status=error"],
  ["https://elsewhere.example", "/dashboard"],
  ["//elsewhere.example/x", "/dashboard"],
  ["/\\elsewhere.example", "/dashboard"],
  ["javascript:alert(1)", "/dashboard"],
  ["/traces/a%2Fb", "/traces/a%2Fb"],
])("leads from %s to %s", (next, target) => expect(safeNext(next)).toBe(target));
