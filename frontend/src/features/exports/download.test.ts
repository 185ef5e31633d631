import { describe, expect, it } from "vitest";
import { CHOSEN, downloadPath, exportBody, rangeOptions } from "@/features/exports/download";

describe("the file", () => {
  it("is had through the dashboard, with the session instead of a signature", () => {
    expect(downloadPath({ download_url: "/api/v1/exports/1/download?expires=1&holder=a&signature=b" })).toBe("/api/gw/api/v1/exports/1/download");
    expect(downloadPath({ download_url: "/api/v1/exports/1/download" })).toBe("/api/gw/api/v1/exports/1/download");
    expect(downloadPath({ download_url: null })).toBeNull();
  });
});

describe("the request", () => {
  const scope = { from: "2026-11-01T00:00:00Z", to: "2026-11-02T00:00:00Z" };
  const filter = { field: "status", op: "eq", value: "error" };
  it("takes the range that was given", () =>
    expect(exportBody("csv", CHOSEN, scope, filter, "refund")).toEqual({ format: "csv", ...scope, filter, q: "refund" }));
  it("or another one", () => expect(exportBody("parquet", "7d", scope, null, "")).toEqual({ format: "parquet", range: "7d" }));
  it("offers the given range where it is no preset", () => {
    expect(rangeOptions({ range: "7d" }).map(({ value }) => value)).toEqual(["15m", "1h", "24h", "7d", "30d", "90d"]);
    expect(rangeOptions(scope)[0]?.value).toBe(CHOSEN);
  });
});
