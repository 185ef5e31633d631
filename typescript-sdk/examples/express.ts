/** A server in which each request is a trace, or part of the trace of whoever sent it. */
import { AgentObservability } from "@agent-observability/sdk";
import express from "express";

const obs = new AgentObservability({ serviceName: "example-express" });
const app = express();

app.post("/chat", express.json(), async (request, response) => {
  const { question, user } = request.body as { question: string; user: string };
  const answer = await obs.trace(
    "chat",
    { agentId: "support-bot", userId: user, parent: request.headers },
    async (span) => {
      span.setInput(question);
      return obs.span("answer", { kind: "llm" }, () => Promise.resolve(`You asked: ${question}`));
    },
  );
  response.json({ answer });
});

const server = app.listen(Number(process.env.PORT ?? 3001), () => process.stdout.write("listening\n"));

// What is in memory is delivered, or kept on disk, before the process ends.
process.once("SIGTERM", () => {
  server.close();
  void obs.shutdown().then(() => process.exit(0));
});
