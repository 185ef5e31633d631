import { AgentObservability } from "@agent-observability/sdk";

// Development servers load modules again and again: one client is kept for all of them.
const kept = globalThis as typeof globalThis & { obs?: AgentObservability };

export const obs = (kept.obs ??= new AgentObservability({ serviceName: "example-nextjs" }));
