export interface Snippet {
  name: string;
  language: string;
  code: string;
}

/** Ways to send a first trace, with the address and, once it was made, the key. */
export function snippets(endpoint: string, key: string): Snippet[] {
  return [
    {
      name: "curl",
      language: "sh",
      code: `curl -s ${endpoint}/api/v1/traces -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '{
  "trace_id": "hello-1", "agent_id": "hello", "input": "Hi", "output": "Hello!", "latency_ms": 420,
  "status": "success", "model": "gpt-4o", "model_provider": "openai", "tokens_input": 12, "tokens_output": 5
}'`,
    },
    {
      name: "OpenTelemetry",
      language: "sh",
      code: `export OTEL_EXPORTER_OTLP_ENDPOINT=${endpoint}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_HEADERS='Authorization=Bearer%20${key}'`,
    },
    {
      name: "Python",
      language: "python",
      code: `# pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

exporter = OTLPSpanExporter("${endpoint}/v1/traces", headers={"Authorization": "Bearer ${key}"})
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(exporter))
trace.set_tracer_provider(provider)

with trace.get_tracer("hello").start_as_current_span("invoke_agent hello") as span:
    span.set_attribute("gen_ai.operation.name", "invoke_agent")
    span.set_attribute("gen_ai.agent.name", "hello")
provider.shutdown()`,
    },
    {
      name: "TypeScript",
      language: "ts",
      code: `// npm i @opentelemetry/sdk-node @opentelemetry/exporter-trace-otlp-proto @opentelemetry/api
import { trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK({
  traceExporter: new OTLPTraceExporter({
    url: "${endpoint}/v1/traces",
    headers: { Authorization: "Bearer ${key}" },
  }),
});
sdk.start();
trace.getTracer("hello").startActiveSpan("invoke_agent hello", (span) => {
  span.setAttributes({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "hello" });
  span.end();
});
await sdk.shutdown();`,
    },
  ];
}
