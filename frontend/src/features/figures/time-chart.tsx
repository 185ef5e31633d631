"use client";

import type { QueryKey, UseQueryOptions, UseQueryResult } from "@tanstack/react-query";
import { Chart, type ChartProps } from "@/components/charts/chart";
import { QueryView } from "@/components/states/states";
import { Skeleton } from "@/components/ui/skeleton";
import type { ChartData } from "@/features/figures/series";
import { type BeforeLine, type Charted, useBefore, withBefore } from "@/features/range/compare";
import { type Scope, useRange } from "@/features/range/range";

interface TimeChartProps<Data extends Charted, Key extends QueryKey> extends Pick<ChartProps, "label" | "kind" | "format"> {
  query: UseQueryResult<Data>;
  chartOf: (data: Data) => ChartData;
  /** Makes the query of the same for another range. */
  ask: (scope: Scope & { granularity: string }) => UseQueryOptions<Data, Error, Data, Key>;
  /** What is drawn of the period before. */
  beforeOf: (data: Data) => readonly BeforeLine[];
}

/** A chart over the range of the page: drawing over it zooms, and comparing adds the period before. */
export function TimeChart<Data extends Charted, Key extends QueryKey>({ query, chartOf, ask, beforeOf, ...look }: TimeChartProps<Data, Key>) {
  const { setState } = useRange();
  // What stands there until the answer comes is of another range, with buckets of another length.
  const data = query.isPlaceholderData ? undefined : query.data;
  const times = data ? chartOf(data).points.map(({ time }) => time) : [];
  const { before, problem } = useBefore(data, times, ask);
  return (
    <QueryView query={query} skeleton={<Skeleton className="h-64" />}>
      {(shown) => {
        const chart = chartOf(shown);
        const { series, points } = before ? withBefore(chart, beforeOf(before.data), before.shiftMs) : chart;
        return (
          <>
            <Chart {...look} series={series} points={points} onSelect={(from, to) => void setState({ range: null, from, to })} />
            {problem ? (
              <p role="status" className="mt-2 text-xs text-muted">
                The period before cannot be shown: {problem}
              </p>
            ) : null}
          </>
        );
      }}
    </QueryView>
  );
}
