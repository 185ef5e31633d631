import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { age, App, Line } from "../support/apps";
import { Workspace } from "../support/gateway";

let workspace: Workspace;
let line: Line;
let spool: string;
let environment: Record<string, string>;

beforeEach(async () => {
  workspace = await Workspace.create();
  line = await Line.open(workspace.endpoint);
  spool = mkdtempSync(path.join(tmpdir(), "ao-spool-"));
  environment = { AGENTOBS_API_KEY: workspace.apiKey, AGENTOBS_ENDPOINT: line.endpoint, AGENTOBS_SPOOL_DIR: spool };
});

afterEach(() => {
  line.close();
  rmSync(spool, { recursive: true, force: true });
});

const drain = async (): Promise<void> => {
  age(spool);
  const heir = new App("drain.mjs", [], environment);
  expect([await heir.end(), heir.stderr]).toEqual([0, ""]);
};

/** What the platform says clients reported; reports are stored like spans, a moment after they are taken. */
const expectAccount = async (account: object): Promise<void> => {
  await expect.poll(async () => (await workspace.health()).client_reported, { timeout: 10_000 }).toEqual(account);
  expect(await workspace.health()).toMatchObject({ rejected_spans: 0 });
};

describe("kill -9 of the application in the middle of 10,000 traces", () => {
  for (const [when, state] of [
    ["while the platform is away", "refuse"],
    ["while the platform takes them", "open"],
  ] as const) {
    test(`${when}: what it had spooled is stored, once, and accounted for`, async () => {
      line.set(state);
      const app = new App("flood.mjs", [10_000, 20], environment);
      await app.until((report) => report.spooled + report.accepted + report.stored >= 3_000);
      await app.kill();
      const { spooled, accepted, stored, created } = app.last;
      const handedOver = spooled + accepted + stored;
      expect(created).toBeLessThan(10_000);
      line.set("open");
      await drain();
      const traces = await workspace.traces();
      expect(traces.length).toBeGreaterThanOrEqual(handedOver);
      expect(traces.length).toBeLessThan(10_000);
      expect(traces.every((trace) => trace.span_count === 1)).toBe(true);
      expect(new Set(traces.map((trace) => trace.metadata.number)).size).toBe(traces.length);
      await expectAccount({ created: traces.length, delivered: traces.length, sampled: 0, dropped: {} });
      for (let number = 1; number <= handedOver; number += 97)
        expect(traces.some((trace) => trace.metadata.number === String(number))).toBe(true);
    });
  }
});

test("a platform that is away and comes back costs nothing", async () => {
  const app = new App("flood.mjs", [3_000, "step"], environment);
  await app.until((report) => report.stored === 500);
  for (const state of ["hang", "refuse"] as const) {
    line.set(state);
    const before = app.last.created;
    for (const more of [500, 1_000]) {
      app.step();
      await app.until((report) => report.created === before + more);
    }
    await app.until((report) => report.spooled === before + 1_000 - 500);
  }
  line.set("open");
  app.step();
  await app.until((report) => report.created === 3_000);
  app.step();
  await app.end();
  await drain();
  expect(await workspace.traces()).toHaveLength(3_000);
  await expectAccount({ created: 3_000, delivered: 3_000, sampled: 0, dropped: {} });
});

test("several processes share a spool, and each item arrives once", async () => {
  line.set("refuse");
  const apps = Array.from({ length: 4 }, () => new App("flood.mjs", [1_000, 5], environment));
  const killed = apps.slice(0, 2);
  for (const app of killed) await app.until((report) => report.spooled >= 500);
  line.set("open");
  await Promise.all(killed.map((app) => app.kill()));
  expect(await Promise.all(apps.slice(2).map((app) => app.end()))).toEqual([0, 0]);
  age(spool);
  const heirs = Array.from({ length: 3 }, () => new App("drain.mjs", [], environment));
  expect(await Promise.all(heirs.map((heir) => heir.end()))).toEqual([0, 0, 0]);
  const { length: stored } = await workspace.traces();
  expect(stored).toBeGreaterThanOrEqual(3_000);
  await expectAccount({ created: stored, delivered: stored, sampled: 0, dropped: {} });
});

test("the account of what was sampled out and dropped reaches the platform", async () => {
  const app = new App("flood.mjs", [2_000, 1], {
    ...environment,
    AGENTOBS_SAMPLE_RATE: "0.25",
    AGENTOBS_QUEUE_MAX_ITEMS: "100",
    AGENTOBS_EXIT_TIMEOUT: "20",
  });
  expect(await app.end()).toBe(0);
  await drain();
  const { created, sampled, dropped } = app.last;
  expect(created).toBe(2_000);
  expect(sampled).toBeGreaterThan(1_000);
  const { length: stored } = await workspace.traces();
  expect(stored + sampled + (dropped.queue_full ?? 0)).toBe(2_000);
  await expectAccount({ created: 2_000, delivered: stored, sampled, dropped });
});

describe("the end of a program", () => {
  test("waits until its traces are stored", async () => {
    const app = new App("flood.mjs", [700, 0], { ...environment, AGENTOBS_EXIT_TIMEOUT: "20" });
    expect(await app.end()).toBe(0);
    expect(app.last).toMatchObject({ created: 700, queued: 0 });
    await drain();
    expect(await workspace.traces()).toHaveLength(700);
  });

  for (const state of ["hang", "refuse"] as const) {
    test(`is not held up by a platform that is ${state === "hang" ? "hanging" : "away"}, and loses nothing`, async () => {
      line.set(state);
      const app = new App("flood.mjs", [700, 0], environment);
      expect(await app.end()).toBe(0);
      expect(app.last).toMatchObject({ created: 700, queued: 0, spooled: 700 });
      line.set("open");
      await drain();
      expect(await workspace.traces()).toHaveLength(700);
    });
  }
});
