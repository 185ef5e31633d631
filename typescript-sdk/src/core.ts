import type { Attributes, Context, Span, Tracer } from "@opentelemetry/api";
import { context, defaultTextMapGetter, SpanStatusCode, trace, TraceFlags } from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { SpanHandle } from "./actions";
import { KEY, kindAttributes, type Kind } from "./attributes";
import { follow, type Ending } from "./follow";
import { describe, type Guard } from "./guard";
import { addLabels, inherited, withInherited, type TraceAttributes } from "./scope";
import { serialise, truncate } from "./serialise";
import type { Sink } from "./sink";

const MAX_MESSAGE = 4_096;
const propagator = new W3CTraceContextPropagator();

/** Headers of a request as fetch, Node or a plain object hold them. */
export type HeadersLike =
  { get(name: string): string | null } | Readonly<Record<string, string | readonly string[] | undefined>>;

/** How a call is traced. */
export interface TraceOptions extends TraceAttributes {
  /** Name of the span; the function's own, or what is given before. */
  name?: string | undefined;
  /** What it is: an agent, or within another traced call a chain, unless given. */
  kind?: Kind | undefined;
  /** Whether arguments and results are recorded; as the client does unless given. */
  captureContent?: boolean | undefined;
  /**
   * Where the span belongs instead of under the current one: `context` of a handle, or the headers of a request that
   * carry a W3C trace context.
   */
  parent?: Context | HeadersLike | undefined;
}

export interface CoreParts {
  readonly guard: Guard;
  readonly capturesContent: boolean;
  /** Absent where tracing is off. */
  readonly tracer?: Tracer;
  readonly sink?: Sink;
  /** Milliseconds since the Unix epoch, for tests; the SDK's own clock unless given. */
  readonly clock?: (() => number) | undefined;
}

/** Begins and ends spans around calls; never fails, and leaves what calls return, throw and yield as it is. */
export class Core {
  readonly guard: Guard;
  readonly capturesContent: boolean;
  readonly #tracer: Tracer | undefined;
  readonly #sink: Sink | undefined;
  readonly #clock: (() => number) | undefined;

  constructor(parts: CoreParts) {
    this.guard = parts.guard;
    this.capturesContent = parts.capturesContent;
    this.#tracer = parts.tracer;
    this.#sink = parts.sink;
    this.#clock = parts.clock;
  }

  /**
   * Calls a function within a span.
   *
   * @param name - Name of the span.
   * @param options - How it is traced.
   * @param args - Arguments to record as its input; undefined for none.
   * @param call - The function.
   */
  call<R>(
    name: string,
    options: TraceOptions,
    args: readonly unknown[] | undefined,
    call: (handle: SpanHandle) => R,
  ): R {
    const begun = this.#begin(String(name), options, args);
    if (begun === undefined) return call(new SpanHandle(this, undefined, context.active()));
    const { span, inner } = begun;
    const records = (options.captureContent ?? true) && this.capturesContent;
    let result: R;
    try {
      result = context.with(inner, call, undefined, new SpanHandle(this, span, inner));
    } catch (error) {
      this.#end(span, { error });
      throw error;
    }
    return follow(result, inner, this.guard, (ending) => this.#end(span, ending, records));
  }

  #begin(
    name: string,
    options: TraceOptions,
    args: readonly unknown[] | undefined,
  ): { span: Span; inner: Context } | undefined {
    if (this.#tracer === undefined) return undefined;
    try {
      const outer = parentOf(options);
      // Spans of others, such as a server's for its request, may be around it: outermost is what no span of ours
      // encloses.
      const isOutermost = inherited(outer) === undefined;
      const kind = options.kind ?? (isOutermost ? "agent" : "chain");
      const attributes = kindAttributes(kind, name);
      addLabels(attributes, options);
      if (args !== undefined && args.length > 0 && this.capturesContent && options.captureContent !== false) {
        attributes[KEY.input] = serialise(args.length === 1 ? args[0] : args);
      }
      const surrounding = withInherited(outer, options, options.agentId ?? (kind === "agent" ? name : undefined));
      const span = this.#start(name, attributes, surrounding);
      return { span, inner: trace.setSpan(surrounding, span) };
    } catch (error) {
      this.guard.failed(error);
      return undefined;
    }
  }

  #start(name: string, attributes: Attributes, parent: Context): Span {
    const tracer = this.#tracer ?? trace.getTracer("noop");
    const startTime = this.#clock?.();
    return tracer.startSpan(name, startTime === undefined ? { attributes } : { attributes, startTime }, parent);
  }

  #end(span: Span, ending: Ending, records = false): void {
    try {
      if ("error" in ending) recordError(span, ending.error);
      else if (records && ending.value !== undefined && span.isRecording()) {
        const held = (span as Partial<ReadableSpan>).attributes;
        if (held?.[KEY.output] === undefined && held?.[KEY.outputMessages] === undefined) {
          span.setAttribute(KEY.output, serialise(ending.value));
        }
      }
      span.end(this.#clock?.());
    } catch (error) {
      this.guard.failed(error);
    }
  }

  /** Notes a hand-over to another agent as a span of its own. */
  handoff(toAgent: string, from: Span | undefined): void {
    if (this.#tracer === undefined) return;
    const active = context.active();
    const parent = from === undefined ? active : trace.setSpan(active, from);
    this.#start(`handoff to ${toAgent}`, { [KEY.handoffTo]: toAgent }, parent).end(this.#clock?.());
  }

  /** Sends a score, feedback or outcome. */
  record(path: string, record: Record<string, unknown>, span: Span | undefined): void {
    if (this.#sink === undefined) return;
    if (record.trace_id === undefined && record.session_id === undefined) {
      this.guard.warn(`record ${path}`, `${path.slice("/api/v1/".length)} outside a trace needs a traceId`);
      return;
    }
    const ids = span?.spanContext();
    if (ids !== undefined && ids.traceId === record.trace_id && (ids.traceFlags & TraceFlags.SAMPLED) === 0) {
      this.#sink.sample();
      return;
    }
    this.#sink.record(path, { ...record, timestamp: new Date(this.#clock?.() ?? Date.now()).toISOString() });
  }
}

function parentOf(options: TraceOptions): Context {
  const { parent } = options;
  if (parent === undefined || parent === null) return context.active();
  if (isContext(parent)) return parent;
  return propagator.extract(context.active(), carrierOf(parent), defaultTextMapGetter);
}

function isContext(parent: Context | HeadersLike): parent is Context {
  return typeof (parent as Partial<Context>).getValue === "function";
}

function carrierOf(headers: HeadersLike): Record<string, string | string[] | undefined> {
  const carrier: Record<string, string | string[] | undefined> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value: unknown =
      typeof headers.get === "function" ? headers.get(name) : (headers as Record<string, unknown>)[name];
    if (typeof value === "string") carrier[name] = value;
    else if (Array.isArray(value)) carrier[name] = value.map(String);
  }
  return carrier;
}

/** Says on a span how its work failed. */
export function recordError(span: Span, error: unknown): void {
  if (!span.isRecording()) return;
  const type = typeOf(error);
  span.setAttribute(KEY.errorType, type);
  if (type === "TimeoutError") span.setAttribute(KEY.status, "timeout");
  const message = truncate(error instanceof Error ? String(error.message) || type : describe(error), MAX_MESSAGE);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
  if (error instanceof Error) {
    span.recordException({
      name: type,
      message,
      ...(typeof error.stack === "string" ? { stack: truncate(error.stack, 4 * MAX_MESSAGE) } : {}),
    });
  }
}

function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const name: unknown = error.name === "Error" ? error.constructor.name : error.name;
  return typeof name === "string" && name !== "" ? truncate(name, 128) : "Error";
}
