/**
 * What tests of applications need: a client that keeps what is traced in memory, with fixed ids and times.
 *
 * @packageDocumentation
 */
import type { AttributeValue } from "@opentelemetry/api";
import { SpanStatusCode } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import type { IdGenerator, ReadableSpan } from "@opentelemetry/sdk-trace";
import { Client } from "./client";
import { Account, type DeliveryReport } from "./delivery/account";
import type { AgentObservabilityOptions } from "./settings";
import type { Sink } from "./sink";

/** A finished span, plain enough to be compared as a whole. */
export interface TestSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: "ok" | "error";
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>;
}

/** A score, feedback or outcome, with the address that it would have been sent to. */
export interface TestRecord {
  readonly path: string;
  readonly body: object;
}

const EPOCH_MS = Date.UTC(2026, 0, 1);
const TICK_MS = 1_000;

/**
 * A client for tests: nothing leaves the process, ids count up from 1, and each look at the clock is a second later.
 */
export class TestObservability extends Client {
  readonly #kept: Kept;
  readonly #ids: CountingIds;
  readonly #clock: { now: number };

  constructor(options: AgentObservabilityOptions = {}) {
    const kept = new Kept();
    const ids = new CountingIds();
    const clock = { now: EPOCH_MS };
    super(
      { apiKey: "test", ...options },
      {
        environment: {},
        isGlobal: false,
        idGenerator: ids,
        clock: () => {
          const { now } = clock;
          clock.now += TICK_MS;
          return now;
        },
        log: (message) => void kept.warnings.push(message),
        contextManager: () => new AsyncLocalStorageContextManager(),
        open: () => kept,
        atExit: () => undefined,
      },
    );
    this.#kept = kept;
    this.#ids = ids;
    this.#clock = clock;
  }

  /** Spans that have ended, in the order in which they did. */
  get spans(): readonly TestSpan[] {
    return this.#kept.spans.map(plain);
  }

  /** Scores, feedback and outcomes. */
  get records(): readonly TestRecord[] {
    return this.#kept.records;
  }

  /** What would have been logged. */
  get warnings(): readonly string[] {
    return this.#kept.warnings;
  }

  /** Forgets everything; ids and clock begin anew. */
  clear(): void {
    this.#kept.clear();
    this.#ids.reset();
    this.#clock.now = EPOCH_MS;
  }
}

/**
 * A fixture for `test.extend` of Vitest: a fresh client for each test.
 *
 * @example
 * ```ts
 * const test = base.extend({ obs: observabilityFixture });
 * test("asks the model once", async ({ obs }) => {
 *   await answer(obs, "Hi");
 *   expect(obs.spans).toHaveLength(1);
 * });
 * ```
 */
export async function observabilityFixture({}: object, use: (obs: TestObservability) => Promise<void>): Promise<void> {
  const obs = new TestObservability();
  await use(obs);
  obs.clear();
}

class Kept implements Sink {
  readonly spans: ReadableSpan[] = [];
  readonly records: TestRecord[] = [];
  readonly warnings: string[] = [];
  #account = new Account();

  push(span: ReadableSpan): void {
    this.#take();
    this.spans.push(span);
  }

  record(path: string, body: object): void {
    this.#take();
    this.records.push({ path, body: JSON.parse(JSON.stringify(body)) as object });
  }

  #take(): void {
    this.#account.create();
    this.#account.queued -= 1;
    this.#account.store(1);
  }

  sample(): void {
    this.#account.sample();
  }

  report(): DeliveryReport {
    return this.#account.report();
  }

  flush(): Promise<DeliveryReport> {
    return Promise.resolve(this.report());
  }

  close(): void {
    // Nothing is under way that could be lost.
  }

  clear(): void {
    this.spans.length = 0;
    this.records.length = 0;
    this.warnings.length = 0;
    this.#account = new Account();
  }
}

class CountingIds implements IdGenerator {
  #traces = 0;
  #spans = 0;

  generateTraceId(): string {
    this.#traces += 1;
    return this.#traces.toString(16).padStart(32, "0");
  }

  generateSpanId(): string {
    this.#spans += 1;
    return this.#spans.toString(16).padStart(16, "0");
  }

  reset(): void {
    this.#traces = 0;
    this.#spans = 0;
  }
}

function plain(span: ReadableSpan): TestSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    name: span.name,
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    startMs: span.startTime[0] * 1_000 + span.startTime[1] / 1e6,
    endMs: span.endTime[0] * 1_000 + span.endTime[1] / 1e6,
    status: span.status.code === SpanStatusCode.ERROR ? "error" : "ok",
    attributes: span.attributes,
  };
}
