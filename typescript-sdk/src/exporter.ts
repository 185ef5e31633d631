import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import type { Delivery } from "./delivery/delivery";
import { Guard } from "./guard";
import { nodeRuntime, openDelivery, watchExit } from "./node";
import type { DeliveryReport } from "./delivery/account";
import { resolveSettings, type AgentObservabilityOptions } from "./settings";

/** Result of an export, as OpenTelemetry numbers it. */
const SUCCESS = 0;

/**
 * Delivers the spans of an OpenTelemetry set-up of the application's own, with spool, receipts and account. For use
 * with a `SimpleSpanProcessor`: batching is done here.
 *
 * @example
 * ```ts
 * new NodeSDK({ spanProcessors: [new SimpleSpanProcessor(new AgentObservabilityExporter({ apiKey: "…" }))] }).start();
 * ```
 */
export class AgentObservabilityExporter implements SpanExporter {
  readonly #delivery: Delivery | undefined;
  readonly #guard: Guard;

  /** Builds an exporter; without a key, or when disabled, spans are let go. */
  constructor(options: AgentObservabilityOptions = {}) {
    this.#guard = new Guard((message) => nodeRuntime.log(message));
    const settings = resolveSettings(options, nodeRuntime.environment, this.#guard);
    if (settings.disabled) return;
    if (settings.apiKey === undefined) {
      this.#guard.warn("key", "no API key (option apiKey, or AGENTOBS_API_KEY): nothing is delivered");
      return;
    }
    this.#delivery = openDelivery(settings, this.#guard, settings.apiKey);
    watchExit(this.#delivery, settings.exitTimeoutMs);
  }

  /** Takes finished spans. */
  export(spans: ReadableSpan[], done: (result: { code: number }) => void): void {
    for (const span of spans) this.#guard.run(undefined, () => this.#delivery?.push(span));
    done({ code: SUCCESS });
  }

  /** What became of the spans, as far as it is known now; undefined when nothing is delivered. */
  report(): DeliveryReport | undefined {
    return this.#delivery?.report();
  }

  /** Sends everything and waits until the platform has stored it, at most ten seconds. */
  async forceFlush(): Promise<void> {
    await this.#delivery?.flush(10_000);
  }

  /** Flushes, then leaves what is left on disk to the next process and stops. */
  async shutdown(): Promise<void> {
    await this.forceFlush();
    this.#delivery?.close();
  }
}
