import { totalOf } from "./account";
import { isRecord } from "./batch";
import type { Answer } from "./transport";

/** What became of the items of a batch. */
export interface Verdict {
  readonly stored: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** Whether the platform has counted the rejected ones itself. */
  readonly isCounted: boolean;
}

const RETRYABLE = new Set([401, 403, 408, 425, 429]);

/** Whether the same request may succeed later. */
export function isRetryable(status: number): boolean {
  return RETRYABLE.has(status) || status >= 500 || status < 200 || (status >= 300 && status < 400);
}

/** Returns the code of a refusal, as OTLP and the platform's own answers state it. */
export function readCode(answer: Answer): string {
  const body = parse(answer.text);
  const error = isRecord(body) && isRecord(body.error) ? body.error : undefined;
  const code = error?.code;
  return typeof code === "string" && /^[a-z0-9_]{1,64}$/.test(code) ? code : `http_${answer.status}`;
}

/** Returns the verdict of a receipt on a batch of so many items, undefined while it is not final. */
export function readReceipt(text: string, items: number): Verdict | undefined {
  const receipt = parse(text);
  if (!isRecord(receipt) || typeof receipt.state !== "string" || receipt.state === "queued") return undefined;
  const refused = Math.min(items, count(receipt.rejected) + count(receipt.dead_lettered));
  const rejected: Record<string, number> = {};
  if (refused > 0 && isRecord(receipt.reasons)) {
    for (const [reason, held] of Object.entries(receipt.reasons)) {
      const counted = Math.min(count(held), refused - totalOf(rejected));
      if (counted > 0) rejected[reason] = counted;
    }
  }
  const unnamed = refused - totalOf(rejected);
  if (unnamed > 0) rejected[count(receipt.dead_lettered) > 0 ? "dead_lettered" : "rejected"] = unnamed;
  return { stored: items - refused, rejected, isCounted: true };
}

function count(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : 0;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
