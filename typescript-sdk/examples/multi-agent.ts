/** Agents that hand work over to each other, also to another process by W3C trace context. */
import { context, propagation } from "@opentelemetry/api";
import { AgentObservability } from "@agent-observability/sdk";

const obs = new AgentObservability({ serviceName: "example-multi-agent" });

/** What another service does with a request: its spans belong to the trace that the headers carry. */
function billingService(headers: Record<string, string>): string {
  return obs.trace("billing", { agentId: "billing", parent: headers }, (span) => {
    span.tag("refund");
    return "refunded";
  });
}

const done = await obs.traceContext({ name: "order 7", sessionId: "session-7" }, () =>
  obs.span("triage", { kind: "agent", agentId: "triage" }, (span) => {
    span.handoff("billing");
    const headers: Record<string, string> = {};
    propagation.inject(context.active(), headers);
    return Promise.resolve(billingService(headers));
  }),
);

process.stdout.write(`${done}\n`);
