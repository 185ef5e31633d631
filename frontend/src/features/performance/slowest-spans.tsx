"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import type { PerformanceOverview, SlowSpans } from "@/api/schema";
import { type Column, DataTable } from "@/components/data-table";
import { Link } from "@/components/link";
import { QueryView } from "@/components/states/states";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { NameLink } from "@/features/figures/cells";
import { TableSkeleton } from "@/components/table-skeleton";
import { usePathWith } from "@/features/range/range";
import { formatCount, formatDuration } from "@/lib/format";

/** Tools and models are found by name, all other spans by their kind. */
function SpanName({ kind, name }: Pick<SlowSpans, "kind" | "name">) {
  const pathWith = usePathWith();
  if (name !== null && kind === "tool") return <NameLink kind="tool" name={name} />;
  if (name !== null && (kind === "llm" || kind === "embedding" || kind === "reranker")) return <NameLink kind="model" name={name} />;
  return (
    <Link href={pathWith("/traces", { kind, sort: "-duration_ms" })} className="block max-w-36 truncate sm:max-w-64 hover:underline">
      {name ?? `All ${kind} spans`}
    </Link>
  );
}

const COLUMNS: readonly Column<SlowSpans>[] = [
  { key: "name", label: "Name", value: (row) => row.name, cell: (row) => <SpanName kind={row.kind} name={row.name} /> },
  { key: "kind", label: "Kind", value: (row) => row.kind, cell: (row) => <Badge>{row.kind}</Badge> },
  { key: "spans", label: "Spans", align: "right", value: (row) => row.spans, cell: (row) => formatCount(row.spans) },
  { key: "errors", label: "Errors", align: "right", value: (row) => row.errors, cell: (row) => formatCount(row.errors) },
  { key: "p50", label: "p50", align: "right", value: (row) => row.p50_latency_ms, cell: (row) => formatDuration(row.p50_latency_ms) },
  { key: "p95", label: "p95", align: "right", value: (row) => row.p95_latency_ms, cell: (row) => formatDuration(row.p95_latency_ms) },
];

/** Where the time goes: the slowest kinds of spans. */
export function SlowestSpans({ query }: { query: UseQueryResult<PerformanceOverview> }) {
  return (
    <Card title="Slowest spans by kind and name">
      <QueryView query={query} skeleton={<TableSkeleton />}>
        {({ slowest }) => (
          <DataTable
            label="Slowest spans by kind and name"
            name="slowest"
            columns={COLUMNS}
            rows={slowest}
            keyOf={(row) => `${row.kind}\n${row.name ?? ""}`}
            initialSort={{ key: "p95", isDescending: true }}
          />
        )}
      </QueryView>
    </Card>
  );
}
