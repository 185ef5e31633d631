"use client";

import { useQuery } from "@tanstack/react-query";
import { type FacetParameters, facetsQuery } from "@/api/traces";
import { QueryView } from "@/components/states/states";
import { Skeleton } from "@/components/ui/skeleton";
import { definitionOf, FILTERS, type FilterName } from "@/features/traces/filters";
import type { TraceList } from "@/features/traces/state";
import { formatCount } from "@/lib/format";

const SHOWN = ["status", "agent_id", "model", "environment", "tool_name", "tags", "error_type", "release", "provider"];
const VALUES = 8;

/** What is asked of the values; the histogram comes with them. */
export const facetParameters = (list: TraceList): FacetParameters => ({ ...list.parameters, facets: SHOWN, limit: VALUES });

/** The values that the traces of the list have, to filter by. */
export function FacetPanel({ list }: { list: TraceList }) {
  const facets = useQuery(facetsQuery(facetParameters(list)));
  return (
    <QueryView query={facets} skeleton={<Skeleton className="h-96" />}>
      {(data) => (
        <div className="grid gap-3">
          {data.facets
            .filter((facet) => facet.values.length > 0 && facet.name in FILTERS)
            .map((facet) => {
              const name = facet.name as FilterName;
              const chosen = list.filters.find((filter) => filter.name === name)?.values ?? [];
              const most = Math.max(...facet.values.map(({ count }) => count));
              return (
                <fieldset key={facet.name} className="min-w-0">
                  <legend className="mb-1 text-xs font-medium text-muted">
                    {definitionOf(name).label}
                    {facet.estimated ? <span title="Estimated: there are more traces than are counted"> ~</span> : null}
                  </legend>
                  {facet.values.map(({ value, count }) => (
                    <label key={value} className="relative isolate flex h-7 items-center gap-2 rounded-sm px-1.5 text-sm hover:bg-raised">
                      <input
                        type="checkbox"
                        checked={chosen.includes(value)}
                        onChange={() => list.toggle(name, value)}
                        className="size-3.5 shrink-0 accent-(--accent)"
                      />
                      <span className="min-w-0 flex-1 truncate" title={value}>
                        {value}
                      </span>
                      <span className="tabular text-xs text-muted">{formatCount(count)}</span>
                      <span aria-hidden className="absolute inset-y-0.5 left-0 -z-10 rounded-sm bg-chart-1/10" style={{ width: `${(count / most) * 100}%` }} />
                    </label>
                  ))}
                </fieldset>
              );
            })}
        </div>
      )}
    </QueryView>
  );
}
