import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { totalOf } from "../../src/delivery/account";
import { decodeFile } from "../../src/delivery/batch";
import { countSpans, splitTraces } from "../../src/delivery/split";
import { SpoolFolder } from "../support/delivery";
import { ScriptedServer, wellBehaved, type Arrived, type Reply } from "../support/server";
import { spansOf } from "../support/spans";

let spool: SpoolFolder;
let server: ScriptedServer | undefined;
beforeEach(() => (spool = new SpoolFolder()));
afterEach(async () => {
  spool.remove();
  await server?.stop();
  server = undefined;
});

const serve = async (reply: (request: Arrived, index: number) => Reply | undefined): Promise<ScriptedServer> =>
  (server = await ScriptedServer.start(reply));
const NOWHERE = "http://127.0.0.1:9";
const ago = (folder: string, ms: number): void => {
  for (const run of readdirSync(folder))
    utimesSync(path.join(folder, run, "heartbeat"), (Date.now() - ms) / 1000, (Date.now() - ms) / 1000);
};

describe("a batch", () => {
  test("is sent, asked for, reported and only then forgotten", async () => {
    const { endpoint, arrived } = await serve(wellBehaved);
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(3, (one) => one.setAttribute("a", 1))) delivery.push(span);
    delivery.sample();
    expect(delivery.report()).toMatchObject({ created: 4, queued: 3, sampled: 1, complete: false });
    expect(await delivery.flush(5_000)).toEqual({
      created: 4,
      queued: 0,
      spooled: 0,
      accepted: 0,
      stored: 3,
      rejected: {},
      sampled: 1,
      dropped: {},
      complete: true,
    });
    expect(arrived.map((one) => `${one.method} ${one.path}`)).toEqual([
      "POST /v1/traces",
      "GET /api/v1/receipts/0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81",
      "POST /api/v1/client-reports",
    ]);
    const [sent, , report] = arrived;
    expect(sent?.headers).toMatchObject({
      authorization: "Bearer key",
      "content-type": "application/x-protobuf",
      "content-encoding": "gzip",
    });
    expect(sent?.headers["idempotency-key"]).toBeUndefined();
    expect(countSpans(sent?.body ?? Buffer.of())).toBe(3);
    expect(report?.headers["idempotency-key"]).toMatch(/^\d{13}-[0-9a-f]{12}-00000001-report$/);
    expect(JSON.parse(String(report?.body))).toEqual({ created: 4, delivered: 3, sampled: 1, dropped: {} });
    expect(spool.files()).toEqual([]);
  });

  test("is a private file with a header, in a folder with a heartbeat", async () => {
    const delivery = spool.deliver({ endpoint: NOWHERE });
    for (const span of await spansOf(2, () => undefined)) delivery.push(span);
    delivery.record("/api/v1/scores", { trace_id: "t", name: "n", value: 1 });
    await delivery.flush(500, true);
    expect(delivery.report()).toMatchObject({ created: 3, spooled: 3, queued: 0 });
    const files = spool
      .files()
      .map((file) => path.join(spool.path, file.name))
      .sort();
    expect(files.map((file) => path.basename(file))).toEqual([
      expect.stringMatching(/^\d{13}-[0-9a-f]{12}-00000001-1\.batch$/),
      expect.stringMatching(/^\d{13}-[0-9a-f]{12}-00000002-2\.batch$/),
    ]);
    const [score = "", traces = ""] = files;
    expect(statSync(traces).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(traces)).mode & 0o777).toBe(0o700);
    expect(Date.now() - statSync(path.join(path.dirname(traces), "heartbeat")).mtimeMs).toBeLessThan(5_000);
    expect(decodeFile(readFileSync(traces))).toMatchObject({
      path: "/v1/traces",
      items: 2,
      contentEncoding: "gzip",
      account: { created: 2, sampled: 0, dropped: {} },
    });
    const { body, ...header } = decodeFile(readFileSync(score));
    expect(header).toEqual({
      path: "/api/v1/scores",
      contentType: "application/json",
      items: 1,
      account: { created: 1, sampled: 0, dropped: {} },
    });
    expect(JSON.parse(new TextDecoder().decode(body))).toEqual({ trace_id: "t", name: "n", value: 1 });
  });

  test("of records carries a key under which it is taken once", async () => {
    const { endpoint, arrived } = await serve((request, index) =>
      index === 0 ? { status: 503, headers: { "retry-after": "0" } } : wellBehaved(request),
    );
    const delivery = spool.deliver({ endpoint });
    delivery.record("/api/v1/feedback", { trace_id: "t", rating: 1 });
    expect(await delivery.flush(8_000)).toMatchObject({ stored: 1, complete: true });
    const keys = arrived.filter((one) => one.path === "/api/v1/feedback").map((one) => one.headers["idempotency-key"]);
    expect(keys).toEqual([expect.stringMatching(/-00000001$/), keys[0]]);
  });
});

describe("what the platform answers", () => {
  test("later is waited for", async () => {
    let asked = 0;
    const { endpoint } = await serve((request) =>
      request.method === "GET" && ++asked < 4 ? { status: 200, body: '{"state":"queued"}' } : wellBehaved(request),
    );
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(1, () => undefined)) delivery.push(span);
    expect(await delivery.flush(8_000)).toMatchObject({ stored: 1, complete: true });
    expect(asked).toBe(4);
  });

  test("item by item is counted by reason", async () => {
    const { endpoint, arrived } = await serve((request) =>
      request.method === "GET"
        ? {
            status: 200,
            body: '{"state":"partial","received":5,"stored":1,"duplicate":1,"rejected":2,"dead_lettered":1,"reasons":{"time_too_old":2}}',
          }
        : wellBehaved(request),
    );
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(5, () => undefined)) delivery.push(span);
    expect(await delivery.flush(5_000)).toMatchObject({
      created: 5,
      stored: 2,
      rejected: { time_too_old: 2, dead_lettered: 1 },
      complete: true,
    });
    expect(JSON.parse(String(arrived.at(-1)?.body))).toEqual({ created: 5, delivered: 2, sampled: 0, dropped: {} });
  });

  test("with 400 is a rejection, which the client report counts as dropped", async () => {
    const { endpoint, arrived } = await serve((request) =>
      request.path === "/v1/traces" ? { status: 400, body: '{"error":{"code":"malformed"}}' } : wellBehaved(request),
    );
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(2, () => undefined)) delivery.push(span);
    expect(await delivery.flush(5_000)).toMatchObject({
      created: 2,
      stored: 0,
      rejected: { malformed: 2 },
      complete: true,
    });
    expect(JSON.parse(String(arrived.at(-1)?.body))).toEqual({
      created: 2,
      delivered: 0,
      sampled: 0,
      dropped: { malformed: 2 },
    });
  });

  test("with 413 is sent again in halves, and the account once", async () => {
    const counts: number[] = [];
    const { endpoint, to } = await serve((request) => {
      if (request.path !== "/v1/traces") return wellBehaved(request);
      const count = countSpans(request.body);
      counts.push(count);
      return count > 3 ? { status: 413 } : wellBehaved(request);
    });
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(10, () => undefined)) delivery.push(span);
    expect(await delivery.flush(8_000)).toMatchObject({ created: 10, stored: 10, complete: true });
    expect(counts.filter((count) => count <= 3).reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(counts[0]).toBe(10);
    const reports =
      server
        ?.to("/api/v1/client-reports")
        .map((one) => JSON.parse(String(one.body)) as { created: number; delivered: number }) ?? [];
    expect([
      reports.reduce((sum, one) => sum + one.created, 0),
      reports.reduce((sum, one) => sum + one.delivered, 0),
    ]).toEqual([10, 10]);
    expect(to).toBeDefined();
  });

  test("with 401 keeps everything, warns without the key and does not hold flush up", async () => {
    const { endpoint } = await serve(() => ({ status: 401 }));
    const delivery = spool.deliver({ endpoint, apiKey: "ao_live_secret" });
    for (const span of await spansOf(2, () => undefined)) delivery.push(span);
    expect(await delivery.flush(60_000)).toMatchObject({ created: 2, spooled: 2, complete: false });
    expect(spool.warnings.join()).toMatch(/refuses the API key \(HTTP 401\)/);
    expect(spool.warnings.join()).not.toContain("ao_live_secret");
    expect(spool.files()).toHaveLength(1);
  });

  test("from a wrong address keeps everything, too", async () => {
    const { endpoint } = await serve(() => ({ status: 404, body: "<html>" }));
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(2, () => undefined)) delivery.push(span);
    expect(await delivery.flush(60_000)).toMatchObject({ created: 2, spooled: 2, rejected: {}, complete: false });
    expect(spool.warnings.join()).toContain("the endpoint is not the platform's (HTTP 404)");
  });

  test("with 500 to one batch holds no other up", async () => {
    let fails = 2;
    const { endpoint } = await serve((request) =>
      request.body.includes("span 7") && request.path === "/v1/traces" && fails-- > 0
        ? { status: 500 }
        : wellBehaved(request),
    );
    const delivery = spool.deliver({ endpoint });
    const spans = await spansOf(9, () => undefined);
    for (const span of spans.slice(7, 8)) delivery.push(span);
    await delivery.flush(300);
    for (const span of spans.slice(0, 7)) delivery.push(span);
    await delivery.flush(400);
    expect(delivery.report()).toMatchObject({ created: 8, stored: 7, spooled: 1 });
    expect(await delivery.flush(10_000)).toMatchObject({ created: 8, stored: 8, complete: true });
  });

  test("Retry-After is honoured, by flush too", async () => {
    const { endpoint, arrived } = await serve(() => ({ status: 429, headers: { "retry-after": "300" } }));
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(1, () => undefined)) delivery.push(span);
    for (let round = 0; round < 5; round++) await delivery.flush(100);
    expect(arrived).toHaveLength(1);
    expect(delivery.report()).toMatchObject({ spooled: 1, complete: false });
  });

  test("a receipt that it has lost makes spans go again", async () => {
    let lost = true;
    const { endpoint, to } = await serve((request) => {
      if (request.method !== "GET" || !lost) return wellBehaved(request);
      lost = false;
      return { status: 404 };
    });
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(1, () => undefined)) delivery.push(span);
    expect(await delivery.flush(5_000)).toMatchObject({ created: 1, stored: 1, complete: true });
    expect(server?.to("/v1/traces")).toHaveLength(2);
    expect(to).toBeDefined();
  });

  test("nothing at all, for flush, ends with its time", async () => {
    const { endpoint } = await serve(() => undefined);
    const delivery = spool.deliver({ endpoint });
    for (const span of await spansOf(1, () => undefined)) delivery.push(span);
    expect(await delivery.flush(300)).toMatchObject({ created: 1, spooled: 1, complete: false });
  });
});

describe("bounds", () => {
  test("of memory: what is new is dropped and counted", async () => {
    const delivery = spool.deliver({ endpoint: NOWHERE, queueMaxItems: 10 });
    for (const span of await spansOf(25, () => undefined)) delivery.push(span);
    expect(delivery.report()).toMatchObject({ created: 25, queued: 10, dropped: { queue_full: 15 } });
    await delivery.flush(300, true);
    expect(delivery.report()).toMatchObject({ created: 25, queued: 0, spooled: 10, dropped: { queue_full: 15 } });
    const [file] = spool.files();
    expect(decodeFile(readFileSync(path.join(spool.path, file?.name ?? ""))).account).toEqual({
      created: 25,
      sampled: 0,
      dropped: { queue_full: 15 },
    });
  });

  test("of memory in bytes", async () => {
    const delivery = spool.deliver({ endpoint: NOWHERE, queueMaxBytes: 10_000 });
    for (const span of await spansOf(5, (one) => one.setAttribute("text", "x".repeat(4_000)))) delivery.push(span);
    expect(delivery.report()).toMatchObject({ created: 5, queued: 2, dropped: { queue_full: 3 } });
  });

  test("of the spool, all processes together: nothing that was spooled is dropped for it", async () => {
    const first = spool.deliver({ endpoint: NOWHERE, spoolMaxBytes: 20_000 });
    const noise = (): string =>
      Array.from({ length: 4_000 }, () => String.fromCharCode(97 + Math.floor(Math.random() * 26))).join("");
    const fill = async (delivery: typeof first, rounds: number): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        for (const span of await spansOf(1, (one) => one.setAttribute("text", noise()))) delivery.push(span);
        await delivery.flush(50, true);
        await expect.poll(() => delivery.report().queued).toBe(0);
      }
    };
    await fill(first, 3);
    const second = spool.deliver({ endpoint: NOWHERE, spoolMaxBytes: 20_000 });
    await fill(second, 10);
    const bytes = spool.files().reduce((sum, file) => sum + file.bytes, 0);
    expect(bytes).toBeLessThanOrEqual(20_000);
    expect(first.report()).toMatchObject({ created: 3, spooled: 3 });
    const { spooled, dropped } = second.report();
    expect(dropped.spool_full).toBeGreaterThan(0);
    expect(spooled + totalOf(dropped)).toBe(10);
    expect(spool.warnings.join()).toContain("the spool is full");
  });

  test("without a folder: kept in memory, bounded, and said once", async () => {
    const { endpoint } = await serve(wellBehaved);
    writeFileSync(path.join(spool.path, "file"), "");
    const delivery = spool.deliver({ endpoint, spoolDir: path.join(spool.path, "file", "below") });
    for (const span of await spansOf(2, () => undefined)) delivery.push(span);
    expect(await delivery.flush(5_000)).toMatchObject({ created: 2, stored: 2, complete: true });
    expect(spool.warnings).toEqual([expect.stringContaining("memory only")]);
    delivery.close();
    for (const span of await spansOf(1, () => undefined)) delivery.push(span);
    expect(delivery.report()).toMatchObject({ created: 3, dropped: { shutdown: 1 }, complete: true });
  });
});

describe("what other processes left", () => {
  test("is delivered, in order of age, by exactly one", async () => {
    const dead = [spool.deliver({ endpoint: NOWHERE }), spool.deliver({ endpoint: NOWHERE })];
    for (const delivery of dead) {
      for (const span of await spansOf(2, () => undefined)) delivery.push(span);
      await delivery.flush(200, true);
      delivery.close();
    }
    const { endpoint } = await serve(wellBehaved);
    // The workspace is named after the endpoint, of which the scripted server has its own.
    const { renameSync } = await import("node:fs");
    renameSync(spool.workspace(NOWHERE), spool.workspace(endpoint));
    const heirs = [spool.deliver({ endpoint }), spool.deliver({ endpoint }), spool.deliver({ endpoint })];
    await expect.poll(() => spool.files(), { timeout: 5_000 }).toEqual([]);
    expect(server?.to("/v1/traces")).toHaveLength(2);
    const reported = server?.to("/api/v1/client-reports").map((one) => JSON.parse(String(one.body)) as object);
    expect(reported).toEqual(Array(2).fill({ created: 2, delivered: 2, sampled: 0, dropped: {} }));
    expect(heirs.map((heir) => heir.report().created)).toEqual([0, 0, 0]);
  });

  test("is left alone while its heartbeat is young", async () => {
    const alive = spool.deliver({ endpoint: NOWHERE });
    for (const span of await spansOf(1, () => undefined)) alive.push(span);
    await alive.flush(200, true);
    const [before] = spool.files();
    spool.deliver({ endpoint: NOWHERE });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(spool.files()).toEqual([before]);
    ago(spool.workspace(NOWHERE), 31_000);
    spool.deliver({ endpoint: NOWHERE });
    await expect.poll(() => spool.files()[0]?.name).not.toBe(before?.name);
    expect(path.basename(spool.files()[0]?.name ?? "")).toBe(path.basename(before?.name ?? ""));
  });

  test("and is damaged is moved aside and counted, and holds nothing up", async () => {
    const { endpoint } = await serve(wellBehaved);
    const run = path.join(spool.workspace(endpoint), "d".repeat(32));
    mkdirSync(run, { recursive: true });
    const whole =
      '{"v":1,"id":"1769860800003-dddddddddddd-00000003","path":"/v1/traces","content_type":"application/x-protobuf","items":1,"bytes":0,"account":{"created":1,"sampled":0,"dropped":{}}}\n';
    writeFileSync(path.join(run, "1769860800001-dddddddddddd-00000001-7.batch"), "no header at all");
    writeFileSync(
      path.join(run, "1769860800002-dddddddddddd-00000002-2.batch"),
      whole.replace('"bytes":0', '"bytes":99'),
    );
    writeFileSync(path.join(run, "1769860800003-dddddddddddd-00000003-1.batch"), whole);
    writeFileSync(path.join(run, "half.tmp"), "half");
    writeFileSync(path.join(run, "heartbeat"), "");
    utimesSync(path.join(run, "heartbeat"), 0, 0);
    const delivery = spool.deliver({ endpoint });
    await expect
      .poll(() => spool.files().filter((file) => !file.name.includes("damaged")), { timeout: 5_000 })
      .toEqual([]);
    expect(readdirSync(path.join(spool.workspace(endpoint), "damaged")).sort()).toEqual([
      "1769860800001-dddddddddddd-00000001-7.batch",
      "1769860800002-dddddddddddd-00000002-2.batch",
    ]);
    await delivery.flush(3_000);
    const reported = server?.to("/api/v1/client-reports").map((one) => JSON.parse(String(one.body)) as object);
    expect(reported).toContainEqual({ created: 9, delivered: 0, sampled: 0, dropped: { damaged: 9 } });
  });
});

test("an encoded request is cut in two without loss", async () => {
  const spans = await spansOf(101, (span, index) =>
    span.setAttribute("index", index).setAttribute("text", "ä".repeat(index)),
  );
  const body = ProtobufTraceSerializer.serializeRequest(spans) ?? new Uint8Array();
  const halves = splitTraces(body) ?? [];
  expect(halves.map((half) => [half.items, countSpans(half.body)])).toEqual([
    [50, 50],
    [51, 51],
  ]);
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  for (let index = 0; index < 101; index++) {
    expect(
      halves.filter((half) => text(half.body).includes(`span ${index}9`) || text(half.body).includes(`span ${index}`)),
    ).not.toHaveLength(0);
  }
  expect(splitTraces(halves[0]?.body ?? body)?.map((half) => half.items)).toEqual([25, 25]);
  const [one] =
    splitTraces(splitTraces(ProtobufTraceSerializer.serializeRequest(spans.slice(0, 2)) ?? body)?.[0]?.body ?? body) ??
    [];
  expect(one).toBeUndefined();
});
