import type { Attributes } from "@opentelemetry/api";

/** What a span is. */
export type Kind =
  "agent" | "llm" | "tool" | "chain" | "retriever" | "embedding" | "reranker" | "guardrail" | "evaluator";

/** Attribute names that the platform reads: OpenTelemetry's where it has one. */
export const KEY = {
  kind: "agentobs.kind",
  operation: "gen_ai.operation.name",
  agent: "gen_ai.agent.name",
  sessionId: "session.id",
  userId: "user.id",
  environment: "deployment.environment.name",
  release: "agentobs.release",
  tags: "agentobs.tags",
  metadata: "agentobs.metadata",
  input: "agentobs.input",
  inputMessages: "gen_ai.input.messages",
  output: "agentobs.output",
  outputMessages: "gen_ai.output.messages",
  toolName: "gen_ai.tool.name",
  costUsd: "agentobs.cost_usd",
  status: "agentobs.status",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  model: "gen_ai.response.model",
  responseId: "gen_ai.response.id",
  finishReasons: "gen_ai.response.finish_reasons",
  firstChunkSeconds: "gen_ai.response.time_to_first_chunk",
  system: "gen_ai.system_instructions",
  toolDefinitions: "gen_ai.tool.definitions",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cachedTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheWriteTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  errorType: "error.type",
  handoffTo: "gen_ai.handoff.to_agent",
} as const;

/** Operations of the GenAI conventions; the other kinds have none there. */
const OPERATION: Partial<Record<Kind, string>> = {
  agent: "invoke_agent",
  llm: "chat",
  tool: "execute_tool",
  retriever: "retrieval",
  embedding: "embeddings",
};

/** Returns the attributes that say what kind a span of this name is; a fresh object, as the caller adds to it. */
export function kindAttributes(kind: Kind, name: string): Attributes {
  const operation = OPERATION[kind];
  if (operation === undefined) return { [KEY.kind]: kind };
  return kind === "tool" ? { [KEY.operation]: operation, [KEY.toolName]: name } : { [KEY.operation]: operation };
}
