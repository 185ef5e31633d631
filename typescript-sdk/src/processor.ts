import type { Attributes, Context, Link } from "@opentelemetry/api";
import { ROOT_CONTEXT, SpanKind, TraceFlags } from "@opentelemetry/api";
import type { ReadableSpan, Sampler, SamplingResult, Span, SpanProcessor } from "@opentelemetry/sdk-trace";
import { SamplingDecision, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";
import type { Guard } from "./guard";
import { inherited } from "./scope";
import type { Sink } from "./sink";

/** What a processor does where provider and sampler are another's. */
interface Foreign {
  /** Attributes of the roots of traces, which the resource does not state. */
  readonly standing: Attributes;
  /** Share of traces to keep, on top of what the provider's sampler leaves. */
  readonly sampleRate: number;
}

/** Puts what holds for a trace on every span in it, and hands finished spans over for delivery. */
export class DeliveringProcessor implements SpanProcessor {
  readonly #sink: Sink;
  readonly #guard: Guard;
  readonly #standing: Attributes | undefined;
  readonly #sampler: Sampler | undefined;

  constructor(sink: Sink, guard: Guard, foreign?: Foreign) {
    this.#sink = sink;
    this.#guard = guard;
    this.#standing = foreign?.standing;
    this.#sampler =
      foreign !== undefined && foreign.sampleRate < 1 ? new TraceIdRatioBasedSampler(foreign.sampleRate) : undefined;
  }

  onStart(span: Span, parentContext: Context): void {
    try {
      const handed = inherited(parentContext);
      if (handed !== undefined) addMissing(span, handed);
      if (
        this.#standing !== undefined &&
        (span.parentSpanContext === undefined || span.parentSpanContext.isRemote === true)
      )
        addMissing(span, this.#standing);
    } catch (error) {
      this.#guard.failed(error);
    }
  }

  onEnd(span: ReadableSpan): void {
    try {
      const { traceId, traceFlags } = span.spanContext();
      if ((traceFlags & TraceFlags.SAMPLED) === 0) return;
      if (this.#sampler !== undefined && this.#isLeftOut(this.#sampler, traceId)) this.#sink.sample();
      else this.#sink.push(span);
    } catch (error) {
      this.#guard.failed(error);
    }
  }

  #isLeftOut(sampler: Sampler, traceId: string): boolean {
    return (
      sampler.shouldSample(ROOT_CONTEXT, traceId, "", SpanKind.INTERNAL, {}, []).decision !==
      SamplingDecision.RECORD_AND_SAMPLED
    );
  }

  async forceFlush(): Promise<void> {
    await this.#sink.flush(30_000);
  }

  /** Keeps what is in memory; the client outlives providers and goes on delivering. */
  async shutdown(): Promise<void> {
    await this.#sink.flush(10_000, true);
  }
}

/** Adds attributes that the span does not state itself. */
function addMissing(span: Span, attributes: Attributes): void {
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined && span.attributes[key] === undefined) span.setAttribute(key, value);
  }
}

/** Decides as another sampler does, and counts what it leaves out. */
export class CountingSampler implements Sampler {
  readonly #inner: Sampler;
  readonly #left: () => void;

  constructor(inner: Sampler, left: () => void) {
    this.#inner = inner;
    this.#left = left;
  }

  shouldSample(
    context: Context,
    traceId: string,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    links: Link[],
  ): SamplingResult {
    const result = this.#inner.shouldSample(context, traceId, name, kind, attributes, links);
    if (result.decision !== SamplingDecision.RECORD_AND_SAMPLED) this.#left();
    return result;
  }

  toString(): string {
    return this.#inner.toString();
  }
}
