/** Two lines to the first trace. */
import { AgentObservability } from "@agent-observability/sdk";

const obs = new AgentObservability({ serviceName: "example-basic" });

const answer = await obs.trace("support-bot", { userId: "user-1", sessionId: "session-1" }, async (span) => {
  const question = "Where is my order?";
  span.setInput(question);
  return obs.span("chat", { kind: "llm" }, (llm) => {
    llm.setInput([{ role: "user", content: question }]);
    llm.setUsage({ inputTokens: 900, outputTokens: 80, model: "gpt-4o", provider: "openai" });
    return Promise.resolve("It is on its way.");
  });
});

process.stdout.write(`${answer}\n`);
