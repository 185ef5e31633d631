import type { Span } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import { spanEncoder, type Mask } from "../../src/encoding";
import { Guard } from "../../src/guard";

/** Returns finished spans that the function has filled. */
export async function spansOf(count: number, fill: (span: Span, index: number) => unknown): Promise<ReadableSpan[]> {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  for (let index = 0; index < count; index++) {
    const span = provider.getTracer(`scope ${index % 3}`).startSpan(`span ${index}`);
    fill(span, index);
    span.end();
  }
  await provider.forceFlush();
  return exporter.getFinishedSpans();
}

/** Returns what leaves the process of one span, as text. */
export async function cleanedBy(mask: Mask | undefined, fill: (span: Span) => unknown): Promise<string> {
  const bytes = spanEncoder(new Guard(() => undefined), mask)(await spansOf(1, fill));
  return new TextDecoder().decode(bytes);
}
