"use client";

import { useQuery } from "@tanstack/react-query";
import { throughputQuery } from "@/api/figures";
import { Chart } from "@/components/charts/chart";
import { QueryView } from "@/components/states/states";
import { Skeleton } from "@/components/ui/skeleton";
import { OUTCOMES, outcomeSeries } from "@/features/figures/series";
import type { FilterName } from "@/features/traces/filters";
import type { TraceList } from "@/features/traces/state";
import { formatCount } from "@/lib/format";

/** What traces are counted by over time; status chooses among the counts. */
const COUNTED_BY: readonly FilterName[] = ["environment", "agent_id", "status"];
const HEIGHT = 72;

/** When the traces of the list started, by how they ended; drawing over it chooses a range. */
export function TracesOverTime({ list }: { list: TraceList }) {
  const { scope, setState } = list.range;
  const isCounted = list.q === "" && list.filters.every(({ name }) => COUNTED_BY.includes(name));
  const throughput = useQuery({ ...throughputQuery(scope), enabled: isCounted });
  const statuses = list.filters.find(({ name }) => name === "status")?.values ?? [];
  const series = OUTCOMES.filter(({ key }) => statuses.length === 0 || statuses.includes(key));
  return (
    <div className="hidden border-b border-line bg-surface px-4 py-2 md:block">
      {isCounted ? (
        <QueryView query={throughput} skeleton={<Skeleton className="h-27" />}>
          {(data) => (
            <Chart
              label="Traces over time"
              kind="bar"
              stacked
              height={HEIGHT}
              format={formatCount}
              series={series}
              points={outcomeSeries(data).points}
              onSelect={(from, to) => void setState({ range: null, from, to })}
            />
          )}
        </QueryView>
      ) : (
        <p className="text-xs text-muted">Over time, traces are counted by status, agent and environment only: without the other filters a chart stands here.</p>
      )}
    </div>
  );
}
