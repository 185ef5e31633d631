"use client";

import { useQuery } from "@tanstack/react-query";
import { parseAsBoolean, useQueryState } from "nuqs";
import { useMay } from "@/api/account";
import { costOverviewQuery, costTrendQuery } from "@/api/figures";
import type { CostOverview } from "@/api/schema";
import { FactCard, FigureCard } from "@/components/figure-card";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
import { BudgetCard } from "@/features/cost/budget-card";
import { budgetLeft } from "@/features/cost/budget";
import { CostBreakdown } from "@/features/cost/cost-breakdown";
import { CostSources } from "@/features/cost/cost-sources";
import { ModelCosts } from "@/features/cost/model-costs";
import { CostChart, MODELS } from "@/features/figures/charts";
import { FigureGrid, FigureSkeletons } from "@/features/figures/figure-grid";
import { Gate } from "@/features/figures/gate";
import { PageBody } from "@/features/frame/page-header";
import { usePathWith, useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { formatCount, formatMoney, formatShare } from "@/lib/format";

const VIEWS = [
  { value: "each", label: "Per bucket" },
  { value: "sum", label: "Cumulative" },
] as const;

export function Cost() {
  const { scope } = useRange();
  const overview = useQuery(costOverviewQuery(scope));
  const [isCumulative, setIsCumulative] = useQueryState("cumulative", parseAsBoolean.withDefault(false));
  return (
    <>
      <RangedHeader title="Cost" comparable />
      <PageBody>
        <Gate query={overview} isEmpty={isEmpty}>
          <QueryView query={overview} skeleton={<FigureSkeletons count={6} />}>
            {(data) => <CostFigures data={data} />}
          </QueryView>
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-[minmax(0,1fr)_22rem]">
            <Card
              title="Cost over time by model"
              aside={
                <Segmented
                  label="What each point shows"
                  value={isCumulative ? "sum" : "each"}
                  options={VIEWS}
                  onChange={(view) => void setIsCumulative(view === "sum")}
                />
              }
            >
              <CostChart isCumulative={isCumulative} />
            </Card>
            <QueryView query={overview} skeleton={<Skeleton className="h-full min-h-72 rounded-lg" />}>
              {(data) => <BudgetCard budget={data.budget} />}
            </QueryView>
          </div>
          <ModelCosts />
          <div className="grid grid-cols-[minmax(0,1fr)] gap-4 xl:grid-cols-2">
            <CostBreakdown />
            <QueryView query={overview} skeleton={<Skeleton className="h-96 rounded-lg" />}>
              {(data) => <CostSources overview={data} />}
            </QueryView>
          </div>
        </Gate>
      </PageBody>
    </>
  );
}

/** A month that has cost something, or has a budget, has figures to show whatever the range holds. */
function isEmpty(data: CostOverview): boolean {
  return data.requests.value === 0 && data.by_source.length === 0 && data.budget.spent_usd === 0 && data.budget.monthly_usd === null;
}

function CostFigures({ data }: { data: CostOverview }) {
  const { chartScope } = useRange();
  const pathWith = usePathWith();
  const trend = useQuery(costTrendQuery({ ...chartScope, limit: MODELS }));
  const left = budgetLeft(data.budget);
  const mayRead = useMay("read");
  return (
    <FigureGrid count={6}>
      <FigureCard label="Spend" figure={data.cost_usd} format={formatMoney} better="down" {...(mayRead ? { href: pathWith("/traces", { sort: "-cost_usd" }) } : {})} {...(trend.data ? { trend: trend.data.cost_usd } : {})} />
      <FigureCard label="Cost per call" figure={data.cost_per_request_usd} format={formatMoney} better="down" />
      <FigureCard label="Cost per successful trace" figure={data.cost_per_success_usd} format={formatMoney} better="down" />
      <FactCard label="Budget left this month" value={formatMoney(data.budget.remaining_usd)} note={left} />
      <FigureCard label="Input tokens from cache" figure={data.cached_share} format={formatShare} better="up" />
      <FactCard
        label="Unpriced spans"
        value={formatCount(data.unpriced_spans)}
        note={data.unpriced_spans === 0 ? "every span with tokens has a price" : `${formatShare(data.unpriced_share)} of spans with tokens`}
        {...(mayRead && data.unpriced_spans > 0 ? { href: pathWith("/traces", { cost_source: ["unpriced", "partial"] }) } : {})}
      />
    </FigureGrid>
  );
}
