import { describe, expect, it } from "vitest";
import type { JobView } from "@/api/schema";
import { jobSummary, jobTypeLabel, mayCancel, mayRetry, ownerOf } from "@/features/jobs/describe";

const JOB: JobView = {
  id: "0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81", type: "export", status: "running", progress: 0.4, message: null, params: {}, result: null, error: null,
  attempt: 1, max_attempts: 5, retry_of: null, owner_id: "0193fb5e-0000-7000-8000-000000000001", key_id: null, worker: null, cancel_requested_at: null,
  created_at: "2026-11-03T12:00:00Z", started_at: "2026-11-03T12:00:10Z", finished_at: null,
};

it("names types, those too that it does not know", () => {
  expect(jobTypeLabel("reindex")).toBe("Rebuild search index");
  expect(jobTypeLabel("delete_workspace")).toBe("delete workspace");
});

describe("what may be done", () => {
  it("ends what has not ended, once", () => {
    expect(mayCancel(JOB)).toBe(true);
    expect(mayCancel({ ...JOB, cancel_requested_at: "2026-11-03T12:00:20Z" })).toBe(false);
    expect(mayCancel({ ...JOB, status: "failed" })).toBe(false);
  });
  it("repeats what has ended, by those who may begin it", () => {
    expect(mayRetry(JOB, ["write", "admin"])).toBe(false);
    expect(mayRetry({ ...JOB, status: "failed" }, ["write"])).toBe(true);
    expect(mayRetry({ ...JOB, status: "failed", type: "replay" }, ["write"])).toBe(false);
    expect(mayRetry({ ...JOB, status: "failed", type: "delete_workspace" }, ["write", "admin"])).toBe(false);
  });
});

describe("what there is to say", () => {
  it("is what it is doing, and nothing of that once it has ended", () => {
    expect(jobSummary({ ...JOB, message: "writing" })).toBe("writing");
    expect(jobSummary({ ...JOB, status: "cancelled", message: "writing" })).toBeNull();
  });
  it("is what came of it", () => {
    const done = { ...JOB, status: "succeeded" as const };
    expect(jobSummary({ ...done, result: { rows: 1284, bytes: 2048, format: "csv" } })).toBe("1,284 traces, 2 KB csv");
    expect(jobSummary({ ...done, type: "replay", result: { replayed: 3, skipped: 0, after: [] } })).toBe("3 replayed, 0 skipped");
    expect(jobSummary({ ...done, type: "cleanup", result: { maintained: ["x"] } })).toBeNull();
  });
  it("is why it failed", () => expect(jobSummary({ ...JOB, status: "failed", error: "disk full" })).toBe("disk full"));
});

it("names who asked", () => {
  expect(ownerOf(JOB, JOB.owner_id ?? "", undefined, undefined)).toBe("You");
  expect(ownerOf(JOB, "x", undefined, undefined)).toBe("User 0193fb5…0001");
  expect(ownerOf({ owner_id: null, key_id: "k" }, "x", undefined, undefined)).toBe("Key k");
  expect(ownerOf({ owner_id: null, key_id: null }, "x", undefined, undefined)).toBe("Platform");
});
