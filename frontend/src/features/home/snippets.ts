export interface Snippet {
  name: string;
  language: string;
  code: string;
}

/** Ways to send a first trace, with the address and, once it was made, the key. */
export function snippets(endpoint: string, key: string): Snippet[] {
  return [
    {
      name: "Python",
      language: "python",
      code: `# pip install ./python-sdk, in the folder of the platform
from agent_observability import AgentObservability

obs = AgentObservability(api_key="${key}", endpoint="${endpoint}")

@obs.trace()
def hello(question: str) -> str:
    return f"I was asked: {question}"

hello("How are you?")`,
    },
    {
      name: "TypeScript",
      language: "ts",
      code: `// npm install PLATFORM/typescript-sdk, with the folder of the platform for PLATFORM
import { AgentObservability } from "@agent-observability/sdk";

const obs = new AgentObservability({ apiKey: "${key}", endpoint: "${endpoint}" });

await obs.trace("hello", async (span) => {
  span.setInput("How are you?");
  span.setOutput("I was asked: How are you?");
});
await obs.flush();`,
    },
    {
      name: "OpenTelemetry",
      language: "sh",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS='Authorization=Bearer%20${key}'`,
    },
    {
      name: "curl",
      language: "sh",
      code: `curl -s ${endpoint}/api/v1/traces -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '{
  "trace_id": "hello-1", "agent_id": "hello", "input": "Hi", "output": "Hello!", "latency_ms": 420,
  "status": "success", "model": "gpt-4o", "model_provider": "openai", "tokens_input": 12, "tokens_output": 5
}'`,
    },
  ];
}
