/**
 * Traces of AI agents for the Agent Observability Platform.
 *
 * @packageDocumentation
 */
import { Client } from "./client";
import { nodeRuntime } from "./node";
import type { AgentObservabilityOptions } from "./settings";

/**
 * Traces an application and delivers what it traces: on Node, with a spool on disk.
 *
 * @example
 * ```ts
 * const obs = new AgentObservability({ apiKey: "…" });
 * await obs.trace("support-bot", async (span) => span.setOutput(await answer(question)));
 * ```
 */
export class AgentObservability extends Client {
  /** Builds a client. Without a key, or when disabled, it does nothing, and calls are only passed through. */
  constructor(options: AgentObservabilityOptions = {}) {
    super(options, nodeRuntime);
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
