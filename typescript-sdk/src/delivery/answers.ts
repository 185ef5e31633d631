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

/** What an answer that brings nothing means for what is sent. */
export type Hindrance =
  /** The platform takes nothing now. */
  | "busy"
  /** The key or the address is wrong: nothing gets through until somebody mends it. */
  | "refused"
  /** This request failed, maybe by its own fault; others may get through. */
  | "failed";

const FAILED = new Set([408, 409, 425]);
const REFUSED = new Set([401, 403, 404, 405, 407]);

/** Returns why a request is to be made again, undefined when it is answered for good. */
export function hindranceOf(status: number): Hindrance | undefined {
  if (status === 429 || status === 503) return "busy";
  if (REFUSED.has(status) || (status >= 300 && status < 400)) return "refused";
  return FAILED.has(status) || status >= 500 || status < 200 ? "failed" : undefined;
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
