/** A generator is one span, from its first part to its last. */
import { AgentObservability } from "@agent-observability/sdk";

const obs = new AgentObservability({ serviceName: "example-streaming" });

const stream = obs.trace({ name: "stream answer", agentId: "storyteller" })(async function* (topic: string) {
  for (const word of ["Once ", "upon ", "a ", topic, "."]) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield word;
  }
});

for await (const part of stream("time")) process.stdout.write(part);
process.stdout.write("\n");
