"use client";

import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "next/navigation";
import { costTrendQuery, homeKpisQuery, throughputQuery } from "@/api/figures";
import { Chart } from "@/components/charts/chart";
import { FigureCard } from "@/components/figure-card";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { ActivityFeed } from "@/features/home/activity-feed";
import { AlertsFeed } from "@/features/home/alerts-feed";
import { FirstTrace, useHasTraces } from "@/features/home/first-trace";
import { costSeries, kpiTrend, OUTCOMES, outcomePoints } from "@/features/home/series";
import { carriedOver, useRange } from "@/features/range/range";
import { formatCount, formatDuration, formatMoney, formatShare } from "@/lib/format";

const MODELS = 6;

export function Home() {
  const hasTraces = useHasTraces();
  return (
    <>
      <PageHeader title="Home" ranged={hasTraces !== false} />
      <PageBody>{hasTraces === false ? <FirstTrace /> : <Overview />}</PageBody>
    </>
  );
}

function Overview() {
  const { scope, setState } = useRange();
  const kpis = useQuery(homeKpisQuery(scope));
  const outcomes = useQuery(throughputQuery(scope));
  const cost = useQuery(costTrendQuery({ ...scope, limit: MODELS }));
  const suffix = carriedOver(new URLSearchParams(useSearchParams()));
  const zoom = (from: string, to: string) => void setState({ range: null, from, to });
  return (
    <>
      <QueryView query={kpis} skeleton={<KpiSkeleton />}>
        {(data) => (
          <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
            <FigureCard label="Requests" figure={data.requests} format={formatCount} trend={kpiTrend(data, "requests")} href={`/traces${suffix}`} />
            <FigureCard label="Average latency" figure={data.avg_latency_ms} format={formatDuration} better="down" trend={kpiTrend(data, "avg_latency_ms")} href={`/performance${suffix}`} />
            <FigureCard label="p95 latency" figure={data.p95_latency_ms} format={formatDuration} better="down" trend={kpiTrend(data, "p95_latency_ms")} href={`/performance${suffix}`} />
            <FigureCard label="Error rate" figure={data.error_rate} format={formatShare} better="down" trend={kpiTrend(data, "error_rate")} href={`/traces${suffix}${suffix ? "&" : "?"}has_error=true`} />
            <FigureCard label="Cost" figure={data.cost_usd} format={formatMoney} better="down" trend={kpiTrend(data, "cost_usd")} href={`/cost${suffix}`} />
            <FigureCard label="Quality" figure={data.quality_score} format={formatCount} better="up" {...(data.quality_score.value === null ? { note: "No evaluations yet" } : {})} />
          </div>
        )}
      </QueryView>
      <div className="grid gap-4 xl:grid-cols-2">
        <Card title="Requests by outcome">
          <QueryView query={outcomes} skeleton={<Skeleton className="h-64" />}>
            {(data) => (
              <Chart label="Requests by outcome" kind="bar" stacked series={OUTCOMES} points={outcomePoints(data)} format={formatCount} onSelect={zoom} />
            )}
          </QueryView>
        </Card>
        <Card title="Cost by model">
          <QueryView query={cost} skeleton={<Skeleton className="h-64" />}>
            {(data) => <Chart label="Cost by model" kind="area" stacked {...costSeries(data)} format={formatMoney} onSelect={zoom} />}
          </QueryView>
        </Card>
      </div>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,1.6fr)]">
        <AlertsFeed />
        <ActivityFeed />
      </div>
    </>
  );
}

function KpiSkeleton() {
  return (
    <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
      {Array.from({ length: 6 }, (_, index) => (
        <Skeleton key={index} className="h-26 rounded-lg" />
      ))}
    </div>
  );
}
