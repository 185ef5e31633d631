"use client";

import { useQuery } from "@tanstack/react-query";
import { CircleDollarSign } from "lucide-react";
import type { GraphNode } from "@/api/schema";
import { graphQuery } from "@/api/traces";
import { type Column, DataTable } from "@/components/data-table";
import { EmptyState, QueryView } from "@/components/states/states";
import { TableSkeleton } from "@/components/table-skeleton";
import { Badge } from "@/components/ui/badge";
import { formatCount, formatDuration, formatExact, formatMoney, formatShare, toNumber } from "@/lib/format";

/** Where the tokens and the cost of a trace went: by agent, model and tool. */
export function Breakdown({ traceId }: { traceId: string }) {
  const graph = useQuery(graphQuery(traceId));
  return (
    <QueryView query={graph} skeleton={<div className="p-4"><TableSkeleton rows={6} /></div>}>
      {({ nodes, spans_complete: isComplete }) => {
        const rows = nodes.filter(({ kind }) => kind !== "entry");
        return rows.length === 0 ? (
          <EmptyState icon={<CircleDollarSign aria-hidden />} title="No agents, models or tools in this trace" />
        ) : (
          <div className="p-4">
            <DataTable
              label="Tokens and cost by agent, model and tool"
              name="breakdown"
              columns={columnsOf(rows)}
              rows={rows}
              keyOf={(row) => row.id}
              initialSort={{ key: "cost", isDescending: true }}
              most={30}
            />
            <p className="mt-2 text-xs text-muted">
              What a model costs is a part of what the agent costs that called it.
              {isComplete ? "" : " Only the first 100,000 spans were looked at."}
            </p>
          </div>
        );
      }}
    </QueryView>
  );
}

function columnsOf(rows: readonly GraphNode[]): readonly Column<GraphNode>[] {
  // Agents hold what they called, so the models alone add up to the whole.
  const whole = rows.reduce((sum, { kind, cost_usd }) => sum + (kind === "model" ? (cost_usd ?? 0) : 0), 0);
  const shareOf = ({ cost_usd }: GraphNode) => (cost_usd === null || whole === 0 ? null : Math.min(1, cost_usd / whole));
  return [
    {
      key: "name",
      label: "Name",
      value: (row) => row.name ?? row.id,
      cell: (row) => (
        <span className="inline-block max-w-44 truncate align-middle font-medium" title={row.name ?? row.id}>
          {row.grouped === null ? (row.name ?? row.id) : `${formatExact(row.grouped)} ${row.kind}s`}
        </span>
      ),
    },
    { key: "kind", label: "Kind", value: (row) => row.kind, cell: (row) => <Badge>{row.kind}</Badge> },
    { key: "runs", label: "Runs", align: "right", value: (row) => row.run_count, cell: (row) => formatCount(row.run_count) },
    { key: "failed", label: "Failed", align: "right", value: (row) => row.error_count, cell: (row) => formatCount(row.error_count) },
    { key: "input", label: "Input", align: "right", value: (row) => toNumber(row.tokens_input), cell: (row) => formatCount(row.tokens_input) },
    { key: "output", label: "Output", align: "right", value: (row) => toNumber(row.tokens_output), cell: (row) => formatCount(row.tokens_output) },
    { key: "cost", label: "Cost", align: "right", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
    { key: "share", label: "Share", align: "right", value: shareOf, cell: (row) => formatShare(shareOf(row)) },
    { key: "time", label: "Time", align: "right", value: (row) => toNumber(row.duration_ms), cell: (row) => formatDuration(row.duration_ms) },
  ];
}
