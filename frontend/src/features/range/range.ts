import { useSearchParams } from "next/navigation";
import { createParser, parseAsArrayOf, parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useCallback, useMemo } from "react";

export const RANGES = ["15m", "1h", "24h", "7d", "30d", "90d"] as const;
export type RangeName = (typeof RANGES)[number];

export const RANGE_LABELS: Readonly<Record<RangeName, string>> = {
  "15m": "Last 15 minutes",
  "1h": "Last hour",
  "24h": "Last 24 hours",
  "7d": "Last 7 days",
  "30d": "Last 30 days",
  "90d": "Last 90 days",
};

/** A time with zone, as the gateway takes it. */
export const parseAsMoment = createParser({
  parse: (value) => (Number.isNaN(Date.parse(value)) ? null : new Date(value).toISOString()),
  serialize: (value: string) => value,
});

/** `1` in the address, or not there. */
const parseAsFlag = createParser({
  parse: (value) => (value === "1" ? true : value === "0" ? false : null),
  serialize: (value: boolean) => (value ? "1" : "0"),
});

const PARSERS = {
  range: parseAsStringLiteral(RANGES).withDefault("24h"),
  from: parseAsMoment,
  to: parseAsMoment,
  environment: parseAsArrayOf(parseAsString).withDefault([]),
  agent_id: parseAsArrayOf(parseAsString).withDefault([]),
  compare: parseAsFlag.withDefault(false),
};

/** The part of a request that says of when and of what. */
export interface Scope {
  range?: RangeName;
  from?: string;
  to?: string;
  environment?: string[];
  agent_id?: string[];
}

export interface RangeState {
  range: RangeName;
  from: string | null;
  to: string | null;
  environment: string[];
  agent_id: string[];
  compare: boolean;
}

/** The range, environments and agents that the address names; every page shares them, so that a link shows the same. */
export function useRange() {
  const [state, setState] = useQueryStates(PARSERS, { history: "push" });
  const scope = useMemo(() => scopeOf(state), [state]);
  const chartScope = useMemo(() => chartScopeOf(state), [state]);
  return { state, setState, scope, chartScope };
}

/** Buckets shorter than an hour are kept for so long. */
const FINE_MS = 3 * 86_400_000;

/** What charts over time ask for: buckets that the period before has too, where the page compares with it. */
export function chartScopeOf(state: RangeState, now = Date.now()): Scope & { granularity?: string } {
  const scope = scopeOf(state);
  if (!state.compare || state.from === null) return scope;
  const from = Date.parse(state.from);
  const before = 2 * from - (state.to === null ? now : Date.parse(state.to));
  return before < now - FINE_MS && from >= now - FINE_MS ? { ...scope, granularity: "1h" } : scope;
}

export function scopeOf(state: RangeState): Scope {
  const scope: Scope = state.from !== null ? { from: state.from, ...(state.to !== null ? { to: state.to } : {}) } : { range: state.range };
  if (state.environment.length > 0) scope.environment = state.environment;
  if (state.agent_id.length > 0) scope.agent_id = state.agent_id;
  return scope;
}

/** Names of parameters that stay when one goes to another page. */
export const SHARED_PARAMETERS = ["range", "from", "to", "environment", "compare"] as const;

/** The query string that takes range and environment along to another page. */
export function carriedOver(search: URLSearchParams): string {
  const kept = new URLSearchParams();
  for (const name of SHARED_PARAMETERS) {
    for (const value of search.getAll(name)) kept.append(name, value);
  }
  const text = kept.toString();
  return text === "" ? "" : `?${text}`;
}

/** Values by the names of parameters. */
type Filters = Readonly<Record<string, string | readonly string[]>>;

/** The address of another page with range and environment of this one, and filters of its own. */
export function pathWith(path: string, search: URLSearchParams, filters: Filters = {}): string {
  const query = new URLSearchParams(carriedOver(search));
  // Filters are lists, with commas between their values; `parseAsArrayOf` reads those within values so.
  for (const [name, values] of Object.entries(filters)) query.set(name, [values].flat().map((value) => value.replaceAll(",", "%2C")).join(","));
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Makes addresses of other pages that keep range and environment. */
export function usePathWith(): (path: string, filters?: Filters) => string {
  const search = useSearchParams();
  return useCallback((path, filters) => pathWith(path, new URLSearchParams(search), filters), [search]);
}
