import { afterEach, beforeEach, expect, vi } from "vitest";
import { Guard } from "../../src/guard";

// What the SDK keeps out of applications must not be hidden from its tests.
const failures: unknown[] = [];

beforeEach(() => {
  failures.length = 0;
  vi.spyOn(Guard.prototype, "failed").mockImplementation((error) => void failures.push(error));
});

afterEach(() => {
  expect(failures).toEqual([]);
  vi.restoreAllMocks();
});
