"use client";

import { useQuery } from "@tanstack/react-query";
import { ShieldCheck } from "lucide-react";
import { errorGroupsQuery } from "@/api/figures";
import type { ErrorGroup } from "@/api/schema";
import { type Column, DataTable, ShareBar } from "@/components/data-table";
import { Link } from "@/components/link";
import { EmptyState, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { nameOf } from "@/features/figures/names";
import { TableSkeleton } from "@/components/table-skeleton";
import { usePathWith, useRange } from "@/features/range/range";
import { formatCount, formatExact, formatPercent } from "@/lib/format";

/** As many as the gateway lists at once. */
const GROUPS = 100;

function Message({ group }: { group: ErrorGroup }) {
  const text = group.message || "No message";
  const look = "block max-w-52 truncate sm:max-w-88";
  const example = exampleOf(group);
  return example === null ? (
    <span className={look} title={text}>
      {text}
    </span>
  ) : (
    <Link href={example} title={text} className={`${look} hover:underline`}>
      {text}
    </Link>
  );
}

/** The span of the latest error of a group, null once it is gone. */
export function exampleOf({ trace_id, span_id }: Pick<ErrorGroup, "trace_id" | "span_id">): string | null {
  if (trace_id === null) return null;
  const path = `/traces/${encodeURIComponent(trace_id)}`;
  return span_id === null ? path : `${path}?span=${encodeURIComponent(span_id)}`;
}

function ErrorType({ type }: { type: string | null }) {
  const pathWith = usePathWith();
  if (type === null) return <span className="text-muted">–</span>;
  return (
    <Link href={pathWith("/traces", { error_type: type })} title={type} className="inline-block max-w-44 align-middle">
      <Badge className="max-w-full">
        <span className="truncate hover:underline">{type}</span>
      </Badge>
    </Link>
  );
}

function namesOf(group: ErrorGroup): string[] {
  return group.agents.map((agent) => nameOf("agent", agent));
}

function Agents({ group }: { group: ErrorGroup }) {
  const names = namesOf(group);
  return (
    <span title={names.join(", ")} className="block max-w-52 truncate text-muted">
      {names[0]}
      {names.length > 1 ? ` and ${names.length - 1} more` : ""}
    </span>
  );
}

const COLUMNS: readonly Column<ErrorGroup>[] = [
  { key: "message", label: "Message", value: (row) => row.message, cell: (row) => <Message group={row} /> },
  { key: "type", label: "Type", value: (row) => row.type, cell: (row) => <ErrorType type={row.type} /> },
  { key: "count", label: "Spans", align: "right", value: (row) => row.count, cell: (row) => formatCount(row.count) },
  { key: "share", label: "Share", align: "right", value: (row) => row.share_percent, cell: (row) => <ShareBar percent={row.share_percent} text={formatPercent(row.share_percent)} colour="var(--chart-4)" /> },
  { key: "agents", label: "Agents", isSortable: false, value: (row) => namesOf(row).join(", "), cell: (row) => <Agents group={row} /> },
  { key: "first_seen", label: "First seen", align: "right", value: (row) => row.first_seen, cell: (row) => <Ago value={row.first_seen} /> },
  { key: "last_seen", label: "Last seen", align: "right", value: (row) => row.last_seen, cell: (row) => <Ago value={row.last_seen} /> },
];

/** Errors that say the same, but for numbers, ids and texts within them. */
export function ErrorGroups() {
  const { scope } = useRange();
  const errors = useQuery(errorGroupsQuery({ ...scope, limit: GROUPS }));
  return (
    <Card
      title="Errors, grouped by what they say"
      aside={errors.data ? <span className="text-xs text-muted">{formatExact(errors.data.total)} failed spans</span> : null}
    >
      <QueryView query={errors} skeleton={<TableSkeleton />}>
        {({ groups }) =>
          groups.length === 0 ? (
            <EmptyState icon={<ShieldCheck aria-hidden />} title="No errors in this range">
              Spans that fail appear here, those with the same message as one row.
            </EmptyState>
          ) : (
            <DataTable label="Errors, grouped by what they say" name="errors" columns={COLUMNS} rows={groups} keyOf={(row) => row.error_group} initialSort={{ key: "count", isDescending: true }} most={8} />
          )
        }
      </QueryView>
    </Card>
  );
}
