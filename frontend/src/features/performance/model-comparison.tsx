"use client";

import { useQuery } from "@tanstack/react-query";
import { modelFiguresQuery } from "@/api/figures";
import type { ModelFigures } from "@/api/schema";
import { type Column, DataTable } from "@/components/data-table";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { NameLink } from "@/features/figures/cells";
import { nameOf } from "@/features/figures/names";
import { TableSkeleton } from "@/components/table-skeleton";
import { useRange } from "@/features/range/range";
import { formatCount, formatDuration, formatMoney, formatShare } from "@/lib/format";

const COLUMNS: readonly Column<ModelFigures>[] = [
  { key: "model", label: "Model", value: (row) => nameOf("model", row.model), cell: (row) => <NameLink kind="model" name={row.model} /> },
  { key: "calls", label: "Calls", align: "right", value: (row) => row.calls, cell: (row) => formatCount(row.calls) },
  { key: "errors", label: "Errors", hint: "Share of the calls that failed", align: "right", value: (row) => row.error_rate, cell: (row) => formatShare(row.error_rate) },
  { key: "p50", label: "p50", align: "right", value: (row) => row.p50_latency_ms, cell: (row) => formatDuration(row.p50_latency_ms) },
  { key: "p95", label: "p95", align: "right", value: (row) => row.p95_latency_ms, cell: (row) => formatDuration(row.p95_latency_ms) },
  { key: "p99", label: "p99", align: "right", value: (row) => row.p99_latency_ms, cell: (row) => formatDuration(row.p99_latency_ms) },
  { key: "ttft", label: "First token", align: "right", hint: "Half of the calls had their first token by then", value: (row) => row.p50_ttft_ms, cell: (row) => formatDuration(row.p50_ttft_ms) },
  { key: "ttft95", label: "First token p95", align: "right", hint: "95 of 100 calls had their first token by then", value: (row) => row.p95_ttft_ms, cell: (row) => formatDuration(row.p95_ttft_ms) },
  {
    key: "speed",
    label: "Tokens/s",
    hint: "Output tokens, of the time that calls took",
    align: "right",
    // Models that only embed write none.
    value: (row) => row.output_tokens_per_second || null,
    cell: (row) => formatCount(row.output_tokens_per_second || null),
  },
  { key: "per_call", label: "Cost per call", align: "right", value: (row) => row.cost_per_call_usd, cell: (row) => formatMoney(row.cost_per_call_usd) },
  { key: "per_1k", label: "Per 1 k tokens", align: "right", value: (row) => row.cost_per_1k_tokens_usd, cell: (row) => formatMoney(row.cost_per_1k_tokens_usd) },
];

/** Models side by side: speed, failures and price. */
export function ModelComparison() {
  const { scope } = useRange();
  const models = useQuery(modelFiguresQuery(scope));
  return (
    <Card title="Models compared">
      <QueryView query={models} skeleton={<TableSkeleton />}>
        {(rows) => (
          <DataTable label="Models compared" name="models" columns={COLUMNS} rows={rows} keyOf={(row) => row.model ?? ""} initialSort={{ key: "calls", isDescending: true }} />
        )}
      </QueryView>
    </Card>
  );
}
