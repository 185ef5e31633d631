"use client";

import { useQuery } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { homeKpisQuery } from "@/api/figures";
import type { HomeKpis, KpiPoint } from "@/api/schema";
import { FigureCard } from "@/components/figure-card";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { CostChart, OutcomeChart } from "@/features/figures/charts";
import { FigureGrid, FigureSkeletons } from "@/features/figures/figure-grid";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { ActivityFeed } from "@/features/home/activity-feed";
import { AlertsFeed } from "@/features/home/alerts-feed";
import { useHasTraces } from "@/features/home/has-traces";
import { usePathWith, useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { formatCount, formatDuration, formatMoney, formatShare } from "@/lib/format";

// Needed once in the life of a workspace.
const FirstTrace = dynamic(() => import("@/features/home/first-trace").then((module) => module.FirstTrace), { ssr: false });

export function Home() {
  const hasTraces = useHasTraces();
  return (
    <>
      {hasTraces === false ? <PageHeader title="Home" /> : <RangedHeader title="Home" comparable />}
      <PageBody>{hasTraces === false ? <FirstTrace /> : <Overview />}</PageBody>
    </>
  );
}

function Overview() {
  const { scope } = useRange();
  const pathWith = usePathWith();
  const kpis = useQuery(homeKpisQuery(scope));
  return (
    <>
      <QueryView query={kpis} skeleton={<FigureSkeletons count={6} />}>
        {(data) => (
          <FigureGrid count={6}>
            <FigureCard label="Requests" figure={data.requests} format={formatCount} trend={trendOf(data, "requests")} href={pathWith("/traces")} />
            <FigureCard label="Average latency" figure={data.avg_latency_ms} format={formatDuration} better="down" trend={trendOf(data, "avg_latency_ms")} href={pathWith("/performance")} />
            <FigureCard label="p95 latency" figure={data.p95_latency_ms} format={formatDuration} better="down" trend={trendOf(data, "p95_latency_ms")} href={pathWith("/performance")} />
            <FigureCard label="Error rate" figure={data.error_rate} format={formatShare} better="down" trend={trendOf(data, "error_rate")} href={pathWith("/traces", { has_error: "true" })} />
            <FigureCard label="Cost" figure={data.cost_usd} format={formatMoney} better="down" trend={trendOf(data, "cost_usd")} href={pathWith("/cost")} />
            <FigureCard label="Quality" figure={data.quality_score} format={formatCount} better="up" {...(data.quality_score.value === null ? { note: "No evaluations yet" } : {})} />
          </FigureGrid>
        )}
      </QueryView>
      <div className="grid gap-4 xl:grid-cols-2">
        <Card title="Requests by outcome">
          <OutcomeChart />
        </Card>
        <Card title="Cost by model">
          <CostChart />
        </Card>
      </div>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_minmax(0,1.6fr)]">
        <AlertsFeed />
        <ActivityFeed />
      </div>
    </>
  );
}

/** One key figure over time, for its card. */
function trendOf({ trend }: HomeKpis, name: Exclude<keyof KpiPoint, "time">): (number | null)[] {
  return trend.map((point) => point[name]);
}
