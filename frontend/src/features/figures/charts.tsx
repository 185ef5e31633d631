"use client";

import { useQuery } from "@tanstack/react-query";
import { costTrendQuery, throughputQuery } from "@/api/figures";
import { costSeries, cumulativeCostSeries, outcomeSeries } from "@/features/figures/series";
import { TimeChart } from "@/features/figures/time-chart";
import { useRange } from "@/features/range/range";
import { formatCount, formatMoney } from "@/lib/format";

/** Models beside which the others are one series. */
export const MODELS = 6;

/** Traces by how they ended. */
export function OutcomeChart() {
  const { chartScope } = useRange();
  return (
    <TimeChart
      label="Requests by outcome"
      kind="bar"
      format={formatCount}
      query={useQuery(throughputQuery(chartScope))}
      chartOf={outcomeSeries}
      ask={throughputQuery}
      beforeOf={({ points }) => [
        { key: "before", label: "All, period before", times: points.map(({ time }) => time), values: points.map(({ requests }) => requests) },
      ]}
    />
  );
}

/** Cost by model; cumulative from the start of the range on, or of each bucket. */
export function CostChart({ isCumulative = false }: { isCumulative?: boolean }) {
  const { chartScope } = useRange();
  return (
    <TimeChart
      label={isCumulative ? "Cumulative cost by model" : "Cost by model"}
      kind="area"
      format={formatMoney}
      query={useQuery(costTrendQuery({ ...chartScope, limit: MODELS }))}
      chartOf={isCumulative ? cumulativeCostSeries : costSeries}
      ask={(before) => costTrendQuery({ ...before, limit: 1 })}
      beforeOf={({ times, cost_usd, cumulative_usd }) => [
        { key: "before", label: "Total, period before", times, values: isCumulative ? cumulative_usd : cost_usd },
      ]}
    />
  );
}
