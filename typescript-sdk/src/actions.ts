import type { Attributes, Context, Span } from "@opentelemetry/api";
import { isSpanContextValid, trace } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { KEY } from "./attributes";
import type { Core } from "./core";
import { serialise } from "./serialise";

/** What a call of a model used. */
export interface Usage {
  /** Tokens of the prompt, cached ones included. */
  inputTokens?: number | undefined;
  /** Tokens of the answer, reasoning included. */
  outputTokens?: number | undefined;
  /** Those of the prompt that were read from a cache. */
  cachedTokens?: number | undefined;
  /** Those of the prompt that were written to a cache. */
  cacheWriteTokens?: number | undefined;
  /** Those of the answer that were reasoning. */
  reasoningTokens?: number | undefined;
  /** Name of the model, as its provider calls it. */
  model?: string | undefined;
  /** Name of the provider, `openai` for example. */
  provider?: string | undefined;
}

/** What a judgement is on, and why. */
export interface ScoreOptions {
  comment?: string | undefined;
  /** Another trace than the current one, as 32 hexadecimal digits. */
  traceId?: string | undefined;
  /** A span of that trace; the whole trace without it. */
  spanId?: string | undefined;
}

/** Who gave feedback, and on what. */
export interface FeedbackOptions {
  comment?: string | undefined;
  userId?: string | undefined;
  /** Another trace than the current one, as 32 hexadecimal digits. */
  traceId?: string | undefined;
}

/** What an outcome is worth, and of what it is one. */
export interface OutcomeOptions {
  /** Worth in US dollars. */
  valueUsd?: number | undefined;
  /** Which purpose, `sale` for example. */
  name?: string | undefined;
  /** Another trace than the current one, as 32 hexadecimal digits. */
  traceId?: string | undefined;
  /** A session; then no trace is meant unless one is named. */
  sessionId?: string | undefined;
}

/** What can be said of a span: on the client of the current one. Nothing here throws. */
export abstract class SpanActions {
  /** @internal */
  protected abstract readonly core: Core;

  /** @internal */
  protected abstract target(): Span | undefined;

  /** Sets what the span was given: text, messages (a list of objects with `role`), or any value, which becomes JSON. */
  setInput(value: unknown): void {
    this.#setContent(value, KEY.input, KEY.inputMessages);
  }

  /** Sets what came out: text, messages, or any value, which becomes JSON; it wins over what a function returned. */
  setOutput(value: unknown): void {
    this.#setContent(value, KEY.output, KEY.outputMessages);
  }

  /** Sets what the call cost in US dollars; without it the platform works it out from model and usage. */
  setCost(usd: number): void {
    this.#set(() => ({ [KEY.costUsd]: Number(usd) }));
  }

  /** Sets what a call of a model used. */
  setUsage(usage: Usage): void {
    this.#set(() => {
      const attributes: Attributes = {};
      const set = (key: string, value: number | string | undefined): void => {
        if (value !== undefined && value !== null) attributes[key] = value;
      };
      set(KEY.inputTokens, usage.inputTokens);
      set(KEY.outputTokens, usage.outputTokens);
      set(KEY.cachedTokens, usage.cachedTokens);
      set(KEY.cacheWriteTokens, usage.cacheWriteTokens);
      set(KEY.reasoningTokens, usage.reasoningTokens);
      set(KEY.model, usage.model);
      set(KEY.provider, usage.provider);
      return attributes;
    });
  }

  /** Adds tags to the span, and so to its trace. */
  tag(...tags: string[]): void {
    this.#set((span) => {
      const held = (span as Partial<ReadableSpan>).attributes?.[KEY.tags];
      return { [KEY.tags]: [...new Set([...(Array.isArray(held) ? held : []), ...tags].map(String))] };
    });
  }

  /**
   * Judges the span, or the trace or span that is named.
   *
   * @param name - What is judged, `helpful` for example.
   * @param value - A number, a truth value or a label.
   */
  score(name: string, value: number | boolean | string, options: ScoreOptions = {}): void {
    this.#record("/api/v1/scores", (ids) => ({
      trace_id: options.traceId ?? ids?.traceId,
      span_id: options.traceId === undefined ? ids?.spanId : options.spanId,
      name: String(name),
      value,
      source: "code",
      comment: options.comment,
    }));
  }

  /** Says what a user thought of the trace: -1, 0 or 1 for thumbs, 1 to 5 for stars. */
  feedback(rating: number, options: FeedbackOptions = {}): void {
    this.#record("/api/v1/feedback", (ids) => ({
      trace_id: options.traceId ?? ids?.traceId,
      rating,
      comment: options.comment,
      user_id: options.userId,
    }));
  }

  /** Says what came of the trace, or of a session: whether it served its purpose, and what that is worth. */
  outcome(success: boolean, options: OutcomeOptions = {}): void {
    this.#record("/api/v1/outcomes", (ids) => ({
      trace_id: options.traceId ?? (options.sessionId === undefined ? ids?.traceId : undefined),
      session_id: options.sessionId,
      success: Boolean(success),
      value_usd: options.valueUsd,
      name: options.name,
    }));
  }

  /** Says that the work goes over to another agent. */
  handoff(toAgent: string): void {
    this.core.guard.run(undefined, () => this.core.handoff(String(toAgent), this.target()));
  }

  #setContent(value: unknown, key: string, messagesKey: string): void {
    this.#set(() =>
      this.core.capturesContent ? { [areMessages(value) ? messagesKey : key]: serialise(value) } : undefined,
    );
  }

  #set(make: (span: Span) => Attributes | undefined): void {
    try {
      const span = this.target();
      if (span === undefined || !span.isRecording()) return;
      const attributes = make(span);
      if (attributes !== undefined) span.setAttributes(attributes);
    } catch (error) {
      this.core.guard.failed(error);
    }
  }

  #record(path: string, make: (ids: { traceId: string; spanId: string } | undefined) => Record<string, unknown>): void {
    this.core.guard.run(undefined, () => {
      const ids = this.target()?.spanContext();
      const record = make(ids !== undefined && isSpanContextValid(ids) ? ids : undefined);
      this.core.record(path, record, this.target());
    });
  }
}

function areMessages(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const first: unknown = value[0];
  return typeof first === "object" && first !== null && "role" in first;
}

/** A span while it runs. */
export class SpanHandle extends SpanActions {
  /** @internal */
  protected readonly core: Core;
  readonly #span: Span | undefined;
  readonly #context: Context;

  /** @internal */
  constructor(core: Core, span: Span | undefined, context: Context) {
    super();
    this.core = core;
    this.#span = span;
    this.#context = context;
  }

  /** @internal */
  protected target(): Span | undefined {
    return this.#span;
  }

  /** Id of the trace, 32 hexadecimal digits; undefined while nothing is recorded. */
  get traceId(): string | undefined {
    return this.#ids()?.traceId;
  }

  /** Id of the span, 16 hexadecimal digits; undefined while nothing is recorded. */
  get spanId(): string | undefined {
    return this.#ids()?.spanId;
  }

  /**
   * Context in which the span is the current one: for work that leaves the call, and where the runtime cannot follow
   * asynchronous calls.
   */
  get context(): Context {
    return this.#span === undefined ? this.#context : trace.setSpan(this.#context, this.#span);
  }

  #ids(): { traceId: string; spanId: string } | undefined {
    const ids = this.#span?.spanContext();
    return ids !== undefined && isSpanContextValid(ids) ? ids : undefined;
  }
}
