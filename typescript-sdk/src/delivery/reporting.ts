import type { Guard } from "../guard";
import { addReason, type FileAccount } from "./account";
import { hindranceOf, readCode, type Verdict } from "./answers";
import { REPORTS_PATH, type Batch } from "./batch";
import type { Transport } from "./transport";

export interface ReportingParts {
  readonly guard: Guard;
  readonly transport: Transport;
  readonly apiKey: string;
}

/** Returns the headers that every request carries. */
export function credentials(apiKey: string): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` };
}

/**
 * Tells the platform the account of one batch, once however often it is told.
 *
 * @param batch - The batch, all of whose items have found their end.
 * @param carried - The account in its header.
 * @param verdict - What became of the items.
 * @param parts - How to tell it.
 * @returns Whether it has been told; false when it is to be tried again.
 */
export async function reportAccount(
  batch: Batch,
  carried: FileAccount,
  verdict: Verdict,
  parts: ReportingParts,
): Promise<boolean> {
  // A batch without items is such a report itself.
  if (batch.items === 0) return true;
  const dropped = { ...carried.dropped };
  if (!verdict.isCounted) {
    for (const [reason, count] of Object.entries(verdict.rejected)) addReason(dropped, reason, count);
  }
  const body = { created: carried.created, delivered: verdict.stored, sampled: carried.sampled, dropped };
  try {
    const answer = await parts.transport({
      method: "POST",
      path: REPORTS_PATH,
      headers: {
        ...credentials(parts.apiKey),
        "content-type": "application/json",
        "idempotency-key": `${batch.id}-report`,
      },
      body: new TextEncoder().encode(JSON.stringify(body)),
    });
    if (hindranceOf(answer.status) !== undefined) return false;
    if (answer.status >= 300) parts.guard.warn("report", `the platform did not take a report: ${readCode(answer)}`);
    return true;
  } catch {
    return false;
  }
}
