"use client";

import { useQuery } from "@tanstack/react-query";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { performanceAnalyticsQuery } from "@/api/figures";
import type { NamedPerformance, PerformanceAnalytics } from "@/api/schema";
import { type Column, DataTable } from "@/components/data-table";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { Segmented } from "@/components/ui/segmented";
import { NameLink } from "@/features/figures/cells";
import { nameOf } from "@/features/figures/names";
import { TableSkeleton } from "@/components/table-skeleton";
import { useRange } from "@/features/range/range";
import { formatCount, formatDuration, formatShare } from "@/lib/format";

const SIDES = ["agent", "model", "tool"] as const;
type Side = (typeof SIDES)[number];
const OPTIONS: readonly { value: Side; label: string }[] = [
  { value: "agent", label: "Agent" },
  { value: "model", label: "Model" },
  { value: "tool", label: "Tool" },
];

function rowsOf(figures: PerformanceAnalytics, side: Side): readonly NamedPerformance[] {
  return { agent: figures.by_agent, model: figures.by_model, tool: figures.by_tool }[side];
}

function columnsFor(side: Side): Column<NamedPerformance>[] {
  return [
    {
      key: "name",
      label: OPTIONS.find(({ value }) => value === side)?.label ?? side,
      value: (row) => nameOf(side, row.name),
      cell: (row) => <NameLink kind={side} name={row.name} />,
    },
    { key: "requests", label: side === "agent" ? "Traces" : "Calls", align: "right", value: (row) => row.requests, cell: (row) => formatCount(row.requests) },
    { key: "errors", label: "Errors", hint: "Share that failed", align: "right", value: (row) => row.error_rate, cell: (row) => formatShare(row.error_rate) },
    { key: "p50", label: "p50", align: "right", value: (row) => row.p50_latency_ms, cell: (row) => formatDuration(row.p50_latency_ms) },
    { key: "p95", label: "p95", align: "right", value: (row) => row.p95_latency_ms, cell: (row) => formatDuration(row.p95_latency_ms) },
    { key: "p99", label: "p99", align: "right", value: (row) => row.p99_latency_ms, cell: (row) => formatDuration(row.p99_latency_ms) },
  ];
}

/** Who is slow, and who fails: agents, models or tools. */
export function LatencyBreakdown() {
  const { scope } = useRange();
  const [side, setSide] = useQueryState("by", parseAsStringLiteral(SIDES).withDefault("agent"));
  const figures = useQuery(performanceAnalyticsQuery(scope));
  return (
    <Card title="Latency and errors by" aside={<Segmented label="Latency and errors by" value={side} options={OPTIONS} onChange={(next) => void setSide(next)} />}>
      <QueryView query={figures} skeleton={<TableSkeleton />}>
        {(data) => (
          <DataTable
            label={`Latency and errors by ${side}`}
            name="sides"
            columns={columnsFor(side)}
            rows={rowsOf(data, side)}
            keyOf={(row) => row.name ?? ""}
            initialSort={{ key: "p95", isDescending: true }}
          />
        )}
      </QueryView>
    </Card>
  );
}
