"use client";

import { useQuery } from "@tanstack/react-query";
import { throughputQuery } from "@/api/figures";
import { facetsQuery } from "@/api/traces";
import { Chart } from "@/components/charts/chart";
import { Skeleton } from "@/components/ui/skeleton";
import { outcomeSeries } from "@/features/figures/series";
import { facetParameters } from "@/features/traces/facet-panel";
import type { TraceList } from "@/features/traces/state";
import { formatCount, formatTime } from "@/lib/format";

const HEIGHT = 64;

/** When the traces of the list began, by how they ended; drawing over it narrows the range. */
export function Histogram({ list }: { list: TraceList }) {
  const { data } = useQuery(facetsQuery(facetParameters(list)));
  // The facets count the newest thousands of traces; over all, whole buckets are known where nothing else is filtered.
  const isPartial = data !== undefined && !data.sample.complete;
  const isFiltered = list.q !== "" || list.filters.some(({ name }) => name !== "environment" && name !== "agent_id");
  const all = useQuery({ ...throughputQuery(list.range.scope), enabled: isPartial && !isFiltered });
  const counted = isPartial && !isFiltered ? all.data : data?.histogram;
  if (counted === null) return null;
  return (
    <div className="hidden min-h-28 border-b border-line px-4 pt-1 pb-2 md:block">
      {counted === undefined ? (
        <Skeleton className="mt-3 h-20" />
      ) : (
        <>
          <Chart
            label="Traces over time"
            kind="bar"
            format={formatCount}
            height={HEIGHT}
            {...outcomeSeries(counted)}
            onSelect={(from, to) => void list.range.setState({ range: null, from, to })}
          />
          {isPartial && isFiltered ? (
            <p className="text-xs text-muted">
              The newest {formatCount(data.sample.traces)} that fit, since {formatTime(data.sample.since)}.
            </p>
          ) : null}
        </>
      )}
    </div>
  );
}
