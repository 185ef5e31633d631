import { context, SpanKind, SpanStatusCode, trace, type Attributes, type Span, type Tracer } from "@opentelemetry/api";
import { KEY } from "../attributes";
import { recordError } from "../core";
import type { Guard } from "../guard";

/** What gathers the answer to a call. */
export interface Reader {
  /** Returns the attributes of a whole answer. */
  whole(answer: Record<string, unknown>): Attributes;
  /** Takes a part of a streamed answer; returns whether it brings content. */
  part(part: Record<string, unknown>): boolean;
  /** Returns the attributes of all parts so far. */
  parts(): Attributes;
}

/** How a method of a library is traced. */
export interface Method {
  readonly operation: string;
  /** Returns the attributes of a request. */
  readonly request: (body: Record<string, unknown>, client: unknown) => Attributes;
  readonly reader: () => Reader;
}

export interface EmitterParts {
  readonly tracer: Tracer;
  readonly guard: Guard;
}

/** The promise that clients made by Stainless return: a response that is read when it is asked for. */
interface ApiPromise {
  responsePromise: Promise<unknown>;
  parseResponse: (...given: unknown[]) => Promise<unknown>;
  asResponse?: () => Promise<unknown>;
}

interface Streamed {
  iterator: () => AsyncIterator<unknown>;
  controller: AbortController;
}

type AnyMethod = (this: unknown, ...given: unknown[]) => unknown;

/**
 * Traces a method of a client made by Stainless (OpenAI, Anthropic). The promises and streams that it returns stay the
 * objects that they are, with all their methods: what is watched is where they get their answer from.
 */
export function traceMethod(
  prototype: Record<string, unknown>,
  name: string,
  method: Method,
  parts: EmitterParts,
): void {
  const original = prototype[name];
  if (typeof original !== "function" || "__wrapped" in original) return;
  const traced = function (this: unknown, ...given: unknown[]): unknown {
    const call = parts.guard.run(undefined, () => begin(given[0], this, method, parts));
    if (call === undefined) return (original as AnyMethod).apply(this, given);
    let returned: unknown;
    try {
      returned = context.with(trace.setSpan(context.active(), call.span), () =>
        (original as AnyMethod).apply(this, given),
      );
    } catch (error) {
      call.failed(error);
      throw error;
    }
    parts.guard.run(undefined, () => watch(returned, call));
    return returned;
  };
  // The mark that instrumentations put on what they have wrapped, by which they leave it alone.
  prototype[name] = Object.assign(traced, { __wrapped: true, __original: original });
}

function begin(body: unknown, client: unknown, method: Method, { tracer, guard }: EmitterParts): Call {
  const request = isObject(body) ? body : {};
  const model = typeof request.model === "string" ? request.model : "";
  const attributes = { [KEY.operation]: method.operation, ...method.request(request, client) };
  return new Call(
    tracer.startSpan(`${method.operation} ${model}`.trim(), { kind: SpanKind.CLIENT, attributes }),
    method.reader(),
    guard,
  );
}

function watch(returned: unknown, call: Call): void {
  if (!isApiPromise(returned)) {
    call.done({});
    return;
  }
  let isRead = false;
  const { parseResponse, asResponse } = returned;
  returned.responsePromise = returned.responsePromise.catch((error: unknown) => {
    call.failed(error);
    throw error;
  });
  returned.parseResponse = async (...given) => {
    isRead = true;
    try {
      return call.answered(await parseResponse.apply(returned, given));
    } catch (error) {
      call.failed(error);
      throw error;
    }
  };
  if (typeof asResponse !== "function") return;
  returned.asResponse = async () => {
    const response = await asResponse.call(returned);
    // The application reads the response itself: what it says is not seen.
    if (!isRead) call.done({});
    return response;
  };
}

/** One call, whose span ends once, however it ends. */
class Call {
  #isOver = false;
  #began = performance.now();
  #hasContent = false;

  constructor(
    readonly span: Span,
    readonly reader: Reader,
    readonly guard: Guard,
  ) {}

  /** Takes the answer, whole or as a stream; returns it as it is. */
  answered(answer: unknown): unknown {
    this.guard.run(undefined, () => {
      if (isStream(answer)) this.#follow(answer);
      else this.done(isObject(answer) ? this.reader.whole(answer) : {});
    });
    return answer;
  }

  failed(error: unknown): void {
    this.#end(() => {
      this.span.setAttributes(this.reader.parts());
      recordError(this.span, error);
    });
  }

  done(attributes: Attributes): void {
    this.#end(() => this.span.setAttributes(attributes).setStatus({ code: SpanStatusCode.OK }));
  }

  #end(say: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.guard.run(undefined, say);
    this.guard.run(undefined, () => this.span.end());
  }

  #follow(stream: Streamed): void {
    const original = stream.iterator.bind(stream);
    const finish = (): void => this.done(this.reader.parts());
    stream.iterator = () => this.#watched(original(), finish);
    stream.controller.signal.addEventListener("abort", finish, { once: true });
  }

  #watched(parts: AsyncIterator<unknown>, finish: () => void): AsyncIterableIterator<unknown> {
    return {
      next: async () => {
        try {
          const result = await parts.next();
          if (result.done) finish();
          else this.#take(result.value);
          return result;
        } catch (error) {
          this.failed(error);
          throw error;
        }
      },
      return: async (value?: unknown) => {
        finish();
        return (await parts.return?.(value)) ?? { done: true, value };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #take(part: unknown): void {
    this.guard.run(undefined, () => {
      if (!isObject(part) || !this.reader.part(part) || this.#hasContent) return;
      this.#hasContent = true;
      this.span.setAttribute(KEY.firstChunkSeconds, (performance.now() - this.#began) / 1_000);
    });
  }
}

function isApiPromise(value: unknown): value is ApiPromise {
  return isObject(value) && value.responsePromise instanceof Promise && typeof value.parseResponse === "function";
}

function isStream(value: unknown): value is Streamed {
  return isObject(value) && typeof value.iterator === "function" && value.controller instanceof AbortController;
}

/** Whether a value can be read by names. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
