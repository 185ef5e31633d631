"use client";

import { useQuery } from "@tanstack/react-query";
import { costByModelQuery } from "@/api/figures";
import type { ModelCost } from "@/api/schema";
import { identityColours, OTHER_COLOUR } from "@/components/charts/colours";
import { type Column, DataTable, ShareBar } from "@/components/data-table";
import { QueryView } from "@/components/states/states";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { NameLink } from "@/features/figures/cells";
import { nameOf } from "@/features/figures/names";
import { TableSkeleton } from "@/components/table-skeleton";
import { useRange } from "@/features/range/range";
import { formatCount, formatMoney, formatPercent, toNumber } from "@/lib/format";

/** As many as the gateway lists at once. */
export const MOST_MODELS = 100;

function columnsFor(rows: readonly ModelCost[]): Column<ModelCost>[] {
  const colours = identityColours(rows.map((row) => nameOf("model", row.model)));
  return [
    { key: "model", label: "Model", value: (row) => nameOf("model", row.model), cell: (row) => <NameLink kind="model" name={row.model} /> },
    { key: "provider", label: "Provider", value: (row) => row.provider, cell: (row) => <NameLink kind="provider" name={row.provider} /> },
    { key: "calls", label: "Calls", align: "right", value: (row) => row.calls, cell: (row) => formatCount(row.calls) },
    { key: "input", label: "Input", hint: "Input tokens, those from a cache included", align: "right", value: (row) => toNumber(row.tokens_input), cell: (row) => formatCount(row.tokens_input) },
    { key: "cached", label: "Cached", hint: "Input tokens that came from a cache", align: "right", value: (row) => toNumber(row.tokens_cached), cell: (row) => formatCount(row.tokens_cached) },
    { key: "output", label: "Output", hint: "Output tokens", align: "right", value: (row) => toNumber(row.tokens_output), cell: (row) => formatCount(row.tokens_output) },
    { key: "cost", label: "Cost", align: "right", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
    {
      key: "share",
      label: "Share",
      align: "right",
      value: (row) => row.share_percent,
      cell: (row) => (
        <ShareBar percent={row.share_percent} text={formatPercent(row.share_percent)} colour={colours.get(nameOf("model", row.model)) ?? OTHER_COLOUR} />
      ),
    },
    { key: "per_call", label: "Per call", align: "right", value: (row) => row.cost_per_call_usd, cell: (row) => formatMoney(row.cost_per_call_usd) },
    {
      key: "unpriced",
      label: "Unpriced",
      hint: "Calls with tokens and no price, in no sum",
      align: "right",
      value: (row) => row.unpriced_calls,
      cell: (row) => (row.unpriced_calls > 0 ? <Badge tone="warn">{formatCount(row.unpriced_calls)}</Badge> : <span className="text-muted">0</span>),
    },
  ];
}

/** What each model cost. */
export function ModelCosts() {
  const { scope } = useRange();
  const models = useQuery(costByModelQuery({ ...scope, limit: MOST_MODELS }));
  return (
    <Card title="By model">
      <QueryView query={models} skeleton={<TableSkeleton />}>
        {(rows) => (
          <DataTable
            label="Cost by model"
            name="models"
            columns={columnsFor(rows)}
            rows={rows}
            keyOf={(row) => `${row.provider ?? ""}\n${row.model ?? ""}`}
            initialSort={{ key: "cost", isDescending: true }}
          />
        )}
      </QueryView>
    </Card>
  );
}
