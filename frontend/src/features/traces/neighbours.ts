import { isAddressable } from "@/lib/path-part";

/** Which traces stood beside each other in the list that was seen last, so that one can go on from trace to trace. */
const KEY = "aobs.traces.order";
const MOST = 500;

export function rememberOrder(traceIds: readonly string[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(traceIds.slice(0, MOST)));
  } catch {
    // Without storage there are no neighbours, and nothing else is lost.
  }
}

/** The trace before (-1) or after (1) another one in that list that has a page, null where there is none. */
export function neighbour(traceId: string, step: -1 | 1): string | null {
  try {
    const order: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    if (!Array.isArray(order)) return null;
    let at = order.indexOf(traceId);
    if (at < 0) return null;
    for (at += step; at >= 0 && at < order.length; at += step) {
      const other: unknown = order[at];
      if (typeof other === "string" && isAddressable(other)) return other;
    }
    return null;
  } catch {
    return null;
  }
}
