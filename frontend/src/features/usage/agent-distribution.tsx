"use client";

import { useQuery } from "@tanstack/react-query";
import { agentDistributionQuery } from "@/api/figures";
import type { AgentShare } from "@/api/schema";
import { identityColours, OTHER_COLOUR } from "@/components/charts/colours";
import { type Column, DataTable, ShareBar } from "@/components/data-table";
import { QueryView } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { NameLink } from "@/features/figures/cells";
import { nameOf } from "@/features/figures/names";
import { TableSkeleton } from "@/components/table-skeleton";
import { useRange } from "@/features/range/range";
import { formatCount, formatDuration, formatMoney, formatPercent, formatShare, toNumber } from "@/lib/format";

function columnsFor(rows: readonly AgentShare[]): Column<AgentShare>[] {
  const colours = identityColours(rows.map((row) => nameOf("agent", row.agent_id)));
  return [
    { key: "agent", label: "Agent", value: (row) => nameOf("agent", row.agent_id), cell: (row) => <NameLink kind="agent" name={row.agent_id} /> },
    { key: "calls", label: "Calls", align: "right", value: (row) => row.calls, cell: (row) => formatCount(row.calls) },
    {
      key: "share",
      label: "Share",
      align: "right",
      value: (row) => row.share_percent,
      cell: (row) => (
        <ShareBar percent={row.share_percent} text={formatPercent(row.share_percent)} colour={colours.get(nameOf("agent", row.agent_id)) ?? OTHER_COLOUR} />
      ),
    },
    { key: "p50", label: "p50", hint: "Half of the calls took less", align: "right", value: (row) => row.p50_latency_ms, cell: (row) => formatDuration(row.p50_latency_ms) },
    { key: "p95", label: "p95", hint: "95 of 100 calls took less", align: "right", value: (row) => row.p95_latency_ms, cell: (row) => formatDuration(row.p95_latency_ms) },
    { key: "errors", label: "Errors", hint: "Share of the calls that failed", align: "right", value: (row) => row.error_rate, cell: (row) => formatShare(row.error_rate) },
    { key: "llm_calls", label: "Model calls", align: "right", value: (row) => row.llm_calls, cell: (row) => formatCount(row.llm_calls) },
    { key: "tool_calls", label: "Tool calls", align: "right", value: (row) => row.tool_calls, cell: (row) => formatCount(row.tool_calls) },
    { key: "tokens", label: "Tokens", align: "right", value: (row) => toNumber(row.tokens_total), cell: (row) => formatCount(row.tokens_total) },
    { key: "cost", label: "Cost", align: "right", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
  ];
}

/** Which agents do the work, how well and at what cost. */
export function AgentDistribution() {
  const { scope } = useRange();
  const distribution = useQuery(agentDistributionQuery(scope));
  return (
    <Card title="Distribution by agent">
      <QueryView query={distribution} skeleton={<TableSkeleton />}>
        {(rows) => (
          <DataTable
            label="Distribution by agent"
            name="agents"
            columns={columnsFor(rows)}
            rows={rows}
            keyOf={(row) => row.agent_id ?? ""}
            initialSort={{ key: "calls", isDescending: true }}
          />
        )}
      </QueryView>
    </Card>
  );
}
