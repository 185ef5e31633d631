"use client";

import { useQuery } from "@tanstack/react-query";
import { callsOverTimeQuery, usageOverviewQuery } from "@/api/figures";
import { FigureCard } from "@/components/figure-card";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { FigureGrid, FigureSkeletons } from "@/features/figures/figure-grid";
import { Gate } from "@/features/figures/gate";
import { callSeries } from "@/features/figures/series";
import { TimeChart } from "@/features/figures/time-chart";
import { PageBody } from "@/features/frame/page-header";
import { usePathWith, useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { AgentDistribution } from "@/features/usage/agent-distribution";
import { TopUsers } from "@/features/usage/top-users";
import { formatCount } from "@/lib/format";

/** Agents beside which the others are one series: as many as there are colours. */
const AGENTS = 7;

export function Usage() {
  const { scope, chartScope } = useRange();
  const pathWith = usePathWith();
  const overview = useQuery(usageOverviewQuery(scope));
  const calls = useQuery(callsOverTimeQuery({ ...chartScope, limit: AGENTS }));
  return (
    <>
      <RangedHeader title="Usage" comparable />
      <PageBody>
        <Gate query={overview} isEmpty={(data) => data.calls.value === 0}>
          <QueryView query={overview} skeleton={<FigureSkeletons count={6} />}>
            {(data) => (
              <FigureGrid count={6}>
                <FigureCard label="Calls" figure={data.calls} format={formatCount} href={pathWith("/traces")} {...(calls.data ? { trend: calls.data.calls } : {})} />
                <FigureCard label="Users" figure={data.unique_users} format={formatCount} href={pathWith("/users")} />
                <FigureCard label="Active agents" figure={data.active_agents} format={formatCount} />
                <FigureCard label="Calls per user" figure={data.avg_calls_per_user} format={formatCount} />
                <FigureCard label="Sessions" figure={data.sessions} format={formatCount} href={pathWith("/sessions")} />
                <FigureCard label="Tokens" figure={data.tokens_total} format={formatCount} href={pathWith("/traces", { sort: "-tokens_total" })} />
              </FigureGrid>
            )}
          </QueryView>
          <Card title="Calls over time by agent">
            <TimeChart
              label="Calls over time by agent"
              kind="bar"
              format={formatCount}
              query={calls}
              chartOf={callSeries}
              ask={(before) => callsOverTimeQuery({ ...before, limit: 1 })}
              beforeOf={(before) => [{ key: "before", label: "All, period before", times: before.times, values: before.calls }]}
            />
          </Card>
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4 2xl:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
            <AgentDistribution />
            <TopUsers />
          </div>
        </Gate>
      </PageBody>
    </>
  );
}
