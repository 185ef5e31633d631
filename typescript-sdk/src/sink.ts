import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { DeliveryReport } from "./delivery/account";

/** Where finished spans and records go. */
export interface Sink {
  push(span: ReadableSpan): void;
  record(path: string, body: object): void;
  /** Counts an item that sampling left out. */
  sample(): void;
  report(): DeliveryReport;
  flush(timeoutMs: number, untilFailing?: boolean): Promise<DeliveryReport>;
  close(): void;
}
