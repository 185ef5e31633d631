import { parseAsArrayOf, parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useMemo } from "react";
import type { TraceParameters } from "@/api/traces";
import { type Filter, FILTER_NAMES, type FilterName, toParameters } from "@/features/traces/filters";
import { useRange } from "@/features/range/range";

export const SORTS = [
  "-start_time", "start_time", "-duration_ms", "duration_ms", "-cost_usd", "cost_usd", "-tokens_total", "tokens_total",
  "-span_count", "span_count", "-error_count", "error_count", "-ttft_ms", "ttft_ms",
] as const;
export type Sort = (typeof SORTS)[number];

/** Filters that every page shares are kept with the range. */
const SHARED: readonly FilterName[] = ["environment", "agent_id"];
const OWN = FILTER_NAMES.filter((name) => !SHARED.includes(name));

const PARSERS = {
  ...Object.fromEntries(OWN.map((name) => [name, parseAsArrayOf(parseAsString).withDefault([])])),
  q: parseAsString.withDefault(""),
  sort: parseAsStringLiteral(SORTS).withDefault("-start_time"),
  live: parseAsBoolean.withDefault(false),
};

const PAGE = 100;

/** What the list of traces shows, all of it in the address. */
export function useTraceList() {
  const range = useRange();
  const [own, setOwn] = useQueryStates(PARSERS, { history: "push" });
  const filters = useMemo(() => {
    const values = own as unknown as Partial<Record<FilterName, string[]>>;
    const shared: Partial<Record<FilterName, string[]>> = { environment: range.state.environment, agent_id: range.state.agent_id };
    return FILTER_NAMES.map((name) => ({ name, values: (SHARED.includes(name) ? shared[name] : values[name]) ?? [] })).filter(
      (filter) => filter.values.length > 0,
    );
  }, [own, range.state.environment, range.state.agent_id]);
  const parameters = useMemo<TraceParameters>(
    () => ({
      ...(range.state.from === null ? { range: range.state.range } : { from: range.state.from, ...(range.state.to ? { to: range.state.to } : {}) }),
      ...toParameters(filters, own.q),
    }),
    [range.state, filters, own.q],
  );

  /** Puts filters in the place of all that there are. */
  function replaceFilters(next: readonly Filter[], q: string = own.q): void {
    const byName = new Map(next.map(({ name, values }) => [name, values]));
    void setOwn({ ...Object.fromEntries(OWN.map((name) => [name, byName.get(name) ?? null])), q: q === "" ? null : q });
    void range.setState({ environment: byName.get("environment") ?? null, agent_id: byName.get("agent_id") ?? null });
  }

  /** Puts values in the place of those of one filter. */
  function setFilter(name: FilterName, values: readonly string[]): void {
    replaceFilters([...filters.filter((filter) => filter.name !== name), ...(values.length > 0 ? [{ name, values: [...values] }] : [])]);
  }

  function toggle(name: FilterName, value: string): void {
    const current = filters.find((filter) => filter.name === name)?.values ?? [];
    setFilter(name, current.includes(value) ? current.filter((other) => other !== value) : [...current, value]);
  }

  return {
    filters,
    q: own.q,
    sort: own.sort,
    live: own.live,
    parameters,
    listParameters: { ...parameters, sort: own.sort, limit: PAGE },
    setSort: (sort: Sort) => void setOwn({ sort }),
    setLive: (live: boolean) => void setOwn({ live }),
    setQ: (q: string) => void setOwn({ q: q === "" ? null : q }),
    setFilter,
    replaceFilters,
    toggle,
    range,
  };
}

export type TraceList = ReturnType<typeof useTraceList>;
