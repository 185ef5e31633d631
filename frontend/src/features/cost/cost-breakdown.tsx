"use client";

import { useQuery } from "@tanstack/react-query";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { costAnalyticsQuery } from "@/api/figures";
import type { CostAnalytics, NamedCost } from "@/api/schema";
import { type Column, DataTable, ShareBar } from "@/components/data-table";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { NameLink } from "@/features/figures/cells";
import { nameOf } from "@/features/figures/names";
import { TableSkeleton } from "@/components/table-skeleton";
import { useRange } from "@/features/range/range";
import { formatCount, formatMoney, formatPercent, toNumber } from "@/lib/format";

const CAUSES = ["agent", "environment", "provider"] as const;
type Cause = (typeof CAUSES)[number];
const OPTIONS: readonly { value: Cause; label: string }[] = [
  { value: "agent", label: "Agent" },
  { value: "environment", label: "Environment" },
  { value: "provider", label: "Provider" },
];

function rowsOf(costs: CostAnalytics, cause: Cause): readonly NamedCost[] {
  return { agent: costs.by_agent, environment: costs.by_environment, provider: costs.by_provider }[cause];
}

function columnsFor(cause: Cause): Column<NamedCost>[] {
  const calls = cause === "provider" ? "Model calls" : "Traces";
  return [
    {
      key: "name",
      label: OPTIONS.find(({ value }) => value === cause)?.label ?? cause,
      value: (row) => nameOf(cause, row.name),
      cell: (row) => <NameLink kind={cause} name={row.name} />,
    },
    { key: "requests", label: calls, align: "right", value: (row) => row.requests, cell: (row) => formatCount(row.requests) },
    { key: "tokens", label: "Tokens", align: "right", value: (row) => toNumber(row.tokens_total), cell: (row) => formatCount(row.tokens_total) },
    { key: "cost", label: "Cost", align: "right", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
    {
      key: "share",
      label: "Share",
      align: "right",
      value: (row) => row.share_percent,
      cell: (row) => <ShareBar percent={row.share_percent} text={formatPercent(row.share_percent)} />,
    },
  ];
}

/** What caused the cost, seen from one side at a time. */
export function CostBreakdown() {
  const { scope } = useRange();
  const [cause, setCause] = useQueryState("by", parseAsStringLiteral(CAUSES).withDefault("agent"));
  const costs = useQuery(costAnalyticsQuery(scope));
  return (
    <Card title="By cause" aside={<Segmented label="Cause" value={cause} options={OPTIONS} onChange={(next) => void setCause(next)} />}>
      <QueryView query={costs} skeleton={<TableSkeleton />}>
        {(data) => (
          <DataTable
            label={`Cost by ${cause}`}
            name="causes"
            columns={columnsFor(cause)}
            rows={rowsOf(data, cause)}
            keyOf={(row) => row.name ?? ""}
            initialSort={{ key: "cost", isDescending: true }}
          />
        )}
      </QueryView>
    </Card>
  );
}
