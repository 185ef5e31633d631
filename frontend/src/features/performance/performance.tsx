"use client";

import { useQuery } from "@tanstack/react-query";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { latencyOverTimeQuery, performanceOverviewQuery, throughputQuery } from "@/api/figures";
import type { PerformanceOverview } from "@/api/schema";
import { FactCard, FigureCard } from "@/components/figure-card";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { OutcomeChart } from "@/features/figures/charts";
import { FigureGrid, FigureSkeletons } from "@/features/figures/figure-grid";
import { Gate } from "@/features/figures/gate";
import { beforePercentiles, errorTrend, FIRST_TOKENS, LATENCIES, latencySeries, latencyTrend } from "@/features/figures/series";
import { TimeChart } from "@/features/figures/time-chart";
import { PageBody } from "@/features/frame/page-header";
import { ErrorGroups } from "@/features/performance/error-groups";
import { LatencyBreakdown } from "@/features/performance/latency-breakdown";
import { ModelComparison } from "@/features/performance/model-comparison";
import { SlowestSpans } from "@/features/performance/slowest-spans";
import { usePathWith, useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { formatCount, formatDuration, formatRate, formatShare } from "@/lib/format";

const MEASURES = ["latency", "ttft"] as const;
const OPTIONS: readonly { value: (typeof MEASURES)[number]; label: string }[] = [
  { value: "latency", label: "Whole trace" },
  { value: "ttft", label: "First token" },
];

export function Performance() {
  const { scope } = useRange();
  const overview = useQuery(performanceOverviewQuery(scope));
  return (
    <>
      <RangedHeader title="Performance" comparable />
      <PageBody>
        <Gate query={overview} isEmpty={(data) => data.requests.value === 0}>
          <QueryView query={overview} skeleton={<FigureSkeletons count={8} />}>
            {(data) => <PerformanceFigures data={data} />}
          </QueryView>
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-2">
            <PercentilesCard />
            <Card title="Throughput by outcome">
              <OutcomeChart />
            </Card>
          </div>
          <ErrorGroups />
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-2">
            <SlowestSpans query={overview} />
            <LatencyBreakdown />
          </div>
          <ModelComparison />
        </Gate>
      </PageBody>
    </>
  );
}

function PerformanceFigures({ data }: { data: PerformanceOverview }) {
  const { chartScope } = useRange();
  const pathWith = usePathWith();
  const latency = useQuery(latencyOverTimeQuery(chartScope)).data;
  const throughput = useQuery(throughputQuery(chartScope)).data;
  const slow = pathWith("/traces", { sort: "-duration_ms" });
  const trend = (key: Parameters<typeof latencyTrend>[1]) => (latency ? { trend: latencyTrend(latency, key) } : {});
  return (
    <FigureGrid count={8}>
      <FigureCard label="p50 latency" figure={data.p50_latency_ms} format={formatDuration} better="down" href={slow} {...trend("p50_latency_ms")} />
      <FigureCard label="p95 latency" figure={data.p95_latency_ms} format={formatDuration} better="down" href={slow} {...trend("p95_latency_ms")} />
      <FigureCard label="p99 latency" figure={data.p99_latency_ms} format={formatDuration} better="down" href={slow} {...trend("p99_latency_ms")} />
      <FigureCard label="Average latency" figure={data.avg_latency_ms} format={formatDuration} better="down" href={slow} {...trend("avg_latency_ms")} />
      <FigureCard
        label="Error rate"
        figure={data.error_rate}
        format={formatShare}
        better="down"
        href={pathWith("/traces", { status: ["error", "timeout"] })}
        {...(throughput ? { trend: errorTrend(throughput) } : {})}
      />
      <FigureCard label="Traces a minute" figure={data.throughput_per_minute} format={formatRate} {...(throughput ? { trend: throughput.points.map(({ requests }) => requests) } : {})} />
      <FigureCard label="First token, p95" figure={data.p95_ttft_ms} format={formatDuration} better="down" href={pathWith("/traces", { sort: "-ttft_ms" })} {...trend("p95_ttft_ms")} />
      <FactCard label="Output tokens a second" value={formatCount(data.output_tokens_per_second)} note={`first token, p50: ${formatDuration(data.p50_ttft_ms.value)}`} />
    </FigureGrid>
  );
}

function PercentilesCard() {
  const { chartScope } = useRange();
  const [measure, setMeasure] = useQueryState("measure", parseAsStringLiteral(MEASURES).withDefault("latency"));
  const series = measure === "latency" ? LATENCIES : FIRST_TOKENS;
  return (
    <Card title="Latency percentiles" aside={<Segmented label="Latency of" value={measure} options={OPTIONS} onChange={(next) => void setMeasure(next)} />}>
      <TimeChart
        label={measure === "latency" ? "Latency percentiles" : "Time to first token, percentiles"}
        kind="line"
        format={formatDuration}
        query={useQuery(latencyOverTimeQuery(chartScope))}
        chartOf={(data) => latencySeries(data, series)}
        ask={latencyOverTimeQuery}
        beforeOf={(before) => beforePercentiles(before, series)}
      />
    </Card>
  );
}
