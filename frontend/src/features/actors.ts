/** What lists of sessions and users can be sorted by. */
export const ACTOR_SORTS = ["last_activity", "first_activity", "trace_count", "error_count", "cost_usd", "tokens_total"] as const;

/** Whether a list is by time: by a sum the gateway can filter by environment only. */
export function isByTime(sort: (typeof ACTOR_SORTS)[number]): boolean {
  return sort === "last_activity" || sort === "first_activity";
}
