import { describe, expect, it } from "vitest";
import { dayPoints } from "@/features/users/user";

const day = (at: string, trace_count: number, error_count: number) => ({ day: `${at}T00:00:00Z`, trace_count, error_count });

describe("dayPoints", () => {
  it("shows the days between without traces as nothing, over the end of a month", () => {
    expect(dayPoints([day("2026-10-30", 3, 1), day("2026-11-01", 2, 0)] as Parameters<typeof dayPoints>[0])).toEqual([
      { time: "2026-10-30T00:00:00", values: { succeeded: 2, failed: 1 } },
      { time: "2026-10-31T00:00:00", values: { succeeded: 0, failed: 0 } },
      { time: "2026-11-01T00:00:00", values: { succeeded: 2, failed: 0 } },
    ]);
  });

  it("is empty without any", () => expect(dayPoints([])).toEqual([]));
});
