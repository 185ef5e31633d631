/**
 * Traces of AI agents for the Agent Observability Platform.
 *
 * @packageDocumentation
 */
import { Client } from "./client";
import { INSTRUMENTATION_NAMES, switchOn, type InstrumentationName } from "./emitters/instrument";
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

  /**
   * Traces the libraries that are installed, of those named or of all: `openai` by itself; `ai` (Vercel, from version
   * 7) through `@ai-sdk/otel`; `anthropic`, `langchain`, `bedrock`, `openai-agents` and `claude-agent-sdk` through
   * OpenInference's packages, where they are installed. What another instrumentation has taken already is left alone,
   * so that no call is counted twice.
   *
   * @returns Names of those that are on.
   */
  async instrument(...names: InstrumentationName[]): Promise<InstrumentationName[]> {
    const provider = this.connection?.provider;
    if (provider === undefined) return [];
    const { guard, capturesContent } = this.core;
    return switchOn(names.length > 0 ? names : INSTRUMENTATION_NAMES, { provider, guard, capturesContent });
  }
}

export { AgentObservabilityExporter } from "./exporter";
export type { SpanHandle, Usage, ScoreOptions, FeedbackOptions, OutcomeOptions } from "./actions";
export type { Kind } from "./attributes";
export type { SpanOptions, TracedCall } from "./client";
export type { HeadersLike, TraceOptions } from "./core";
export type { TraceDecorator } from "./decorators";
export type { DeliveryReport } from "./delivery/account";
export type { Mask } from "./encoding";
export type { InstrumentationName } from "./emitters/instrument";
export type { TraceAttributes } from "./scope";
export type { AgentObservabilityOptions } from "./settings";
