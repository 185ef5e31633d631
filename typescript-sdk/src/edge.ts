/**
 * Traces of AI agents for the Agent Observability Platform, on edge runtimes: without Node's own modules, and so
 * without a spool on disk. What is traced is kept in memory until it is delivered; let the request wait for `flush`.
 *
 * @packageDocumentation
 */
import { ROOT_CONTEXT, type Context, type ContextManager } from "@opentelemetry/api";
import { StackContextManager } from "@opentelemetry/sdk-trace";
import { Client, type Runtime } from "./client";
import { Delivery } from "./delivery/delivery";
import { webCompression } from "./delivery/gzip";
import { MemoryStore } from "./delivery/store";
import { fetchTransport } from "./delivery/transport";
import { spanEncoder } from "./encoding";
import type { AgentObservabilityOptions } from "./settings";

/**
 * Traces an application on an edge runtime.
 *
 * @example
 * ```ts
 * const obs = new AgentObservability({ apiKey: "…" });
 * export default function handler(request: Request, event: { waitUntil(work: Promise<unknown>): void }) {
 *   event.waitUntil(obs.flush());
 *   return obs.trace("support-bot", { parent: request.headers }, () => answer(request));
 * }
 * ```
 */
export class AgentObservability extends Client {
  /** Builds a client. Without a key, or when disabled, it does nothing, and calls are only passed through. */
  constructor(options: AgentObservabilityOptions = {}) {
    super(options, edgeRuntime);
  }
}

interface AsyncStorage {
  run<R>(store: unknown, call: () => R): R;
  getStore(): unknown;
}

/** What some runtimes have of Node. */
interface Globals {
  AsyncLocalStorage?: new () => AsyncStorage;
  process?: {
    env?: Record<string, string | undefined>;
    getBuiltinModule?: (name: string) => { AsyncLocalStorage: new () => AsyncStorage } | undefined;
  };
}

const globals = globalThis as unknown as Globals;

const edgeRuntime: Runtime = {
  environment: globals.process?.env ?? {},
  isGlobal: true,
  // eslint-disable-next-line no-console -- edge runtimes have no other place to say something
  log: (message) => console.warn(message),
  contextManager: () => {
    const Storage =
      globals.AsyncLocalStorage ?? globals.process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
    // Without it the current span is lost after the first `await`; `parent: span.context` says it then.
    return Storage === undefined ? new StackContextManager() : new StorageContextManager(new Storage());
  },
  open: (settings, guard, apiKey) =>
    new Delivery({
      apiKey,
      guard,
      compression: webCompression(),
      store: new MemoryStore(randomRun(), settings.queueMaxBytes),
      transport: fetchTransport(settings.endpoint),
      maxItems: settings.queueMaxItems,
      maxBytes: settings.queueMaxBytes,
      encode: spanEncoder(guard, settings.mask),
    }),
  atExit: () => undefined,
};

function randomRun(): string {
  return [...crypto.getRandomValues(new Uint8Array(6))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** OpenTelemetry's context in the AsyncLocalStorage that the runtime has. */
class StorageContextManager implements ContextManager {
  readonly #storage: AsyncStorage;

  constructor(storage: AsyncStorage) {
    this.#storage = storage;
  }

  active(): Context {
    return (this.#storage.getStore() as Context | undefined) ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    context: Context,
    call: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(context, () => call.call(thisArg, ...args));
  }

  bind<T>(context: Context, target: T): T {
    if (typeof target !== "function") return target;
    const call = target as unknown as (...args: unknown[]) => unknown;
    const bound = (...args: unknown[]): unknown => this.#storage.run(context, () => call(...args));
    return bound as T;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

export type { SpanHandle, Usage, ScoreOptions, FeedbackOptions, OutcomeOptions } from "./actions";
export type { Kind } from "./attributes";
export type { SpanOptions, TracedCall } from "./client";
export type { HeadersLike, TraceOptions } from "./core";
export type { TraceDecorator } from "./decorators";
export type { DeliveryReport } from "./delivery/account";
export type { Mask } from "./encoding";
export type { TraceAttributes } from "./scope";
export type { AgentObservabilityOptions } from "./settings";
