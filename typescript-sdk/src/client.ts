import type { ContextManager, Span } from "@opentelemetry/api";
import { trace } from "@opentelemetry/api";
import type { IdGenerator } from "@opentelemetry/sdk-trace";
import { SpanActions, type SpanHandle } from "./actions";
import type { Kind } from "./attributes";
import { Core, type TraceOptions } from "./core";
import { decorator, type TraceDecorator } from "./decorators";
import { Account, type DeliveryReport } from "./delivery/account";
import { Guard } from "./guard";
import { connect, type Connection } from "./provider";
import type { TraceAttributes } from "./scope";
import { resolveSettings, type AgentObservabilityOptions, type Settings } from "./settings";
import type { Sink } from "./sink";

const FLUSH_MS = 10_000;

/** What differs between Node, edge runtimes and tests. */
export interface Runtime {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isGlobal: boolean;
  readonly idGenerator?: IdGenerator;
  readonly clock?: () => number;
  log(message: string): void;
  contextManager(): ContextManager | undefined;
  open(settings: Settings, guard: Guard, apiKey: string): Sink;
  /** Sees to it that nothing in memory is lost when the process ends. */
  atExit(sink: Sink, settings: Settings): void;
}

/** A call that is traced: it gets the handle of its span. */
export type TracedCall<R> = (span: SpanHandle) => R;

/** Options of a span. */
export interface SpanOptions extends TraceOptions {
  kind?: Kind | undefined;
}

/** What clients of all runtimes share. */
export abstract class Client extends SpanActions {
  /** @internal */
  protected readonly core: Core;
  /** @internal */
  protected readonly connection: Connection | undefined;
  readonly #sink: Sink | undefined;

  /** @internal */
  constructor(options: AgentObservabilityOptions, runtime: Runtime) {
    super();
    const guard = new Guard((message) => runtime.log(message));
    const settings = guard.run(undefined, () => resolveSettings(options, runtime.environment, guard));
    const opened = settings === undefined ? undefined : guard.run(undefined, () => open(settings, guard, runtime));
    this.#sink = opened?.sink;
    this.connection = opened?.connection;
    this.core = new Core({
      guard,
      capturesContent: settings?.captureContent ?? false,
      ...(opened === undefined ? {} : { tracer: opened.connection.tracer, sink: opened.sink }),
      clock: runtime.clock,
    });
  }

  /** @internal */
  protected target(): Span | undefined {
    return trace.getActiveSpan();
  }

  /**
   * Traces calls. With a name and a function, calls it at once and returns what it returns; with options or nothing,
   * gives a decorator for methods and classes, which also wraps functions. Promises and generators are followed to
   * their end.
   *
   * @example
   * ```ts
   * const answer = await obs.trace("support-bot", async (span) => {
   *   const response = await callModel(question);
   *   span.setOutput(response);
   *   return response;
   * });
   * ```
   */
  trace<R>(name: string, call: TracedCall<R>): R;
  trace<R>(name: string, options: TraceOptions, call: TracedCall<R>): R;
  trace(name: string): TraceDecorator;
  trace(options?: TraceOptions): TraceDecorator;
  trace<R>(
    first?: string | TraceOptions,
    second?: TraceOptions | TracedCall<R>,
    third?: TracedCall<R>,
  ): R | TraceDecorator {
    const named = typeof first === "string" ? { name: first } : { ...first };
    if (typeof second === "function") return this.core.call(named.name ?? "trace", {}, undefined, second);
    if (third !== undefined) return this.core.call(named.name ?? "trace", { ...second }, undefined, third);
    return decorator(this.core, { ...named, ...second });
  }

  /**
   * Calls a function within a trace of which agent, user, session and more are known; they hold for everything within,
   * spans of other instrumentations included.
   */
  traceContext<R>(attributes: TraceAttributes & { name?: string | undefined }, call: TracedCall<R>): R {
    const kind = attributes.agentId === undefined ? "chain" : "agent";
    return this.core.call(attributes.name ?? attributes.agentId ?? "trace", { ...attributes, kind }, undefined, call);
  }

  /** Calls a function within a span of a kind: `llm`, `tool`, `retriever` and so on. */
  span<R>(name: string, call: TracedCall<R>): R;
  span<R>(name: string, options: SpanOptions, call: TracedCall<R>): R;
  span<R>(name: string, second: SpanOptions | TracedCall<R>, third?: TracedCall<R>): R {
    if (typeof second === "function") return this.core.call(name, { kind: "chain" }, undefined, second);
    if (third === undefined) throw new TypeError("span(name, options, call) needs a function to call");
    return this.core.call(name, { ...second, kind: second.kind ?? "chain" }, undefined, third);
  }

  /** What became of everything that was traced, as far as it is known now. */
  report(): DeliveryReport {
    return this.#sink?.report() ?? new Account().report();
  }

  /**
   * Sends everything and waits until the platform has stored it.
   *
   * @param timeoutMs - Longest time to wait in milliseconds.
   * @returns What became of everything; `complete` says whether nothing is under way any more.
   */
  async flush(timeoutMs: number = FLUSH_MS): Promise<DeliveryReport> {
    try {
      return (await this.#sink?.flush(timeoutMs)) ?? this.report();
    } catch (error) {
      this.core.guard.failed(error);
      return this.report();
    }
  }

  /**
   * Flushes, then keeps what is left on disk for the next process and stops; what is traced afterwards is dropped and
   * counted.
   */
  async shutdown(timeoutMs: number = FLUSH_MS): Promise<DeliveryReport> {
    const report = await this.flush(timeoutMs);
    this.core.guard.run(undefined, () => this.#sink?.close());
    return this.#sink?.report() ?? report;
  }
}

function open(settings: Settings, guard: Guard, runtime: Runtime): { sink: Sink; connection: Connection } | undefined {
  if (settings.disabled) return undefined;
  if (settings.apiKey === undefined) {
    guard.warn("key", "no API key (option apiKey, or AGENTOBS_API_KEY): nothing is traced");
    return undefined;
  }
  const sink = runtime.open(settings, guard, settings.apiKey);
  const { idGenerator, isGlobal } = runtime;
  const connection = connect({
    settings,
    sink,
    guard,
    isGlobal,
    idGenerator,
    contextManager: runtime.contextManager(),
  });
  runtime.atExit(sink, settings);
  return { sink, connection };
}
