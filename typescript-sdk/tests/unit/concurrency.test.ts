import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { TestObservability } from "../../src/testing";

test("a hundred thousand concurrent tasks: each span under its own parent", async () => {
  const obs = new TestObservability();
  const wait = [
    (): Promise<void> => Promise.resolve(),
    (): Promise<void> => new Promise((done) => setImmediate(done)),
    (): Promise<void> => new Promise((done) => setTimeout(done, 1)),
  ];
  const task = async (number: number): Promise<void> => {
    await obs.traceContext({ name: `task ${number}`, userId: `user ${number}` }, async () => {
      await wait[number % 3]?.();
      await obs.span(`step ${number}`, { kind: "tool" }, async () => {
        await wait[(number + 1) % 3]?.();
        obs.setOutput(number);
      });
    });
  };
  await Promise.all(Array.from({ length: 100_000 }, (_, number) => task(number)));
  const roots = new Map(obs.spans.filter((span) => span.parentSpanId === undefined).map((span) => [span.spanId, span]));
  expect([roots.size, obs.spans.length]).toEqual([100_000, 200_000]);
  const mixed = obs.spans.filter((span) => {
    if (span.parentSpanId === undefined) return false;
    const number = span.name.slice("step ".length);
    const root = roots.get(span.parentSpanId);
    return (
      root?.name !== `task ${number}` ||
      root.traceId !== span.traceId ||
      span.attributes["user.id"] !== `user ${number}` ||
      span.attributes["agentobs.output"] !== number
    );
  });
  expect(mixed).toEqual([]);
}, 120_000);

test("with the platform away, memory stays bounded and everything is accounted for", () => {
  const spool = mkdtempSync(path.join(tmpdir(), "ao-spool-"));
  try {
    // 300,000 spans of 2 KB are ten times the memory that the process may have.
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--max-old-space-size=64", path.join(import.meta.dirname, "../platform/apps/bounded.mjs")],
      {
        env: {
          ...process.env,
          AGENTOBS_API_KEY: "key",
          AGENTOBS_ENDPOINT: "http://127.0.0.1:9",
          AGENTOBS_SPOOL_DIR: spool,
          AGENTOBS_SPOOL_MAX_BYTES: "500000",
          AGENTOBS_QUEUE_MAX_BYTES: "8000000",
        },
        encoding: "utf8",
      },
    );
    expect(status, stderr).toBe(0);
    const report = JSON.parse(stdout) as {
      created: number;
      queued: number;
      spooled: number;
      dropped: Record<string, number>;
    };
    expect(report).toMatchObject({ created: 300_000, queued: 0, accepted: 0, stored: 0 });
    const { queue_full: queueFull = 0, spool_full: spoolFull = 0 } = report.dropped;
    expect(spoolFull).toBeGreaterThan(0);
    expect(report.spooled).toBeGreaterThan(0);
    expect(report.spooled + queueFull + spoolFull).toBe(300_000);
  } finally {
    rmSync(spool, { recursive: true });
  }
}, 120_000);
