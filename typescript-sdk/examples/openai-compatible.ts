/** Calls of OpenAI's client, to OpenAI or to any server that speaks its language (OPENAI_BASE_URL). */
import { AgentObservability } from "@agent-observability/sdk";
import OpenAI from "openai";

const obs = new AgentObservability({ serviceName: "example-openai" });
await obs.instrument("openai");
const client = new OpenAI();

const answer = await obs.trace("support-bot", async () => {
  const stream = await client.chat.completions.create({
    model: "gpt-4o",
    messages: [{ role: "user", content: "Where is my order?" }],
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  return text;
});

process.stdout.write(`${answer}\n`);
