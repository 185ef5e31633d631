import { beforeEach, expect, it } from "vitest";
import { lastOpened, listHref, neighbour, rememberList, rememberOpened } from "@/features/traces/neighbours";

beforeEach(() => sessionStorage.clear());

it("goes on from trace to trace in the list that was seen last, and back to it", () => {
  rememberList("/traces?status=error", ["a", "b", "c"]);
  rememberOpened("b");
  expect([neighbour("b", -1), neighbour("b", 1), neighbour("a", -1), neighbour("c", 1), neighbour("x", 1)]).toEqual(["a", "c", null, null, null]);
  expect([listHref(), lastOpened()]).toEqual(["/traces?status=error", "b"]);
  rememberList("/traces", ["b"]);
  expect([listHref(), lastOpened(), neighbour("b", 1)]).toEqual(["/traces", "b", null]);
});

it("knows nothing without a list, and believes nothing else that is stored", () => {
  expect([listHref(), lastOpened(), neighbour("a", 1)]).toEqual(["/traces", null, null]);
  for (const stored of ["{", "7", "null", '{"href": "https://example.com/", "order": [3]}', '{"href": "/traces.example.com", "order": []}']) {
    sessionStorage.setItem("aobs.traces.list", stored);
    expect([listHref(), neighbour("a", 1)]).toEqual(["/traces", null]);
  }
});
