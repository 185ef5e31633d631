import { isAddressable } from "@/lib/path-part";

/** The list of traces that was seen last, so that one can go on from trace to trace and back to it. */
const KEY = "aobs.traces.list";
const MOST = 500;

interface Seen {
  /** Its address, filters and all. */
  href: string;
  /** Ids in their order. */
  order: readonly string[];
  /** The trace that was looked at last. */
  opened?: string;
}

function read(): Seen | null {
  try {
    const seen: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    if (typeof seen !== "object" || seen === null || !("href" in seen && "order" in seen && Array.isArray(seen.order))) return null;
    return seen as Seen;
  } catch {
    return null;
  }
}

function write(seen: Seen): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(seen));
  } catch {
    // Without storage there are no neighbours, and nothing else is lost.
  }
}

export function rememberList(href: string, traceIds: readonly string[]): void {
  write({ ...read(), href, order: traceIds.slice(0, MOST) });
}

export function rememberOpened(traceId: string): void {
  write({ href: "/traces", order: [], ...read(), opened: traceId });
}

/** The trace that was looked at last, null when there was none. */
export function lastOpened(): string | null {
  return read()?.opened ?? null;
}

/** The address of that list, or of the list of all traces. */
export function listHref(): string {
  const href = read()?.href ?? "";
  // It comes from storage: nothing but a list of this dashboard is gone to.
  return /^\/traces(\?|$)/.test(href) ? href : "/traces";
}

/** The trace before (-1) or after (1) another one in that list that has a page, null where there is none. */
export function neighbour(traceId: string, step: -1 | 1): string | null {
  const order: readonly unknown[] = read()?.order ?? [];
  const from = order.indexOf(traceId);
  if (from < 0) return null;
  for (let at = from + step; at >= 0 && at < order.length; at += step) {
    const other = order[at];
    if (typeof other === "string" && isAddressable(other)) return other;
  }
  return null;
}
