import type { ReactNode } from "react";
import type { Trace } from "@/api/schema";
import { StatusBadge } from "@/components/status";
import { Time } from "@/components/time";
import { Badge } from "@/components/ui/badge";
import type { VirtualColumn } from "@/components/virtual-table";
import type { Sort } from "@/features/traces/state";
import { formatCount, formatDuration, formatMoney, MISSING, shortId, toNumber } from "@/lib/format";

export interface Column extends Omit<VirtualColumn<Trace>, "cell"> {
  cell: (trace: Trace, longest: number) => ReactNode;
}

export const COLUMNS: readonly Column[] = [
  { id: "time", label: "Time", width: 104, sort: "start_time", cell: (trace) => <Time value={trace.start_time} /> },
  { id: "status", label: "Status", width: 86, cell: (trace) => <StatusBadge status={trace.status} /> },
  { id: "agent", label: "Agent", width: 124, cell: (trace) => trace.agent_id ?? MISSING },
  { id: "name", label: "Name", width: 180, cell: (trace) => trace.name },
  {
    id: "preview",
    label: "Input",
    width: 150,
    grows: true,
    cell: (trace) =>
      trace.status !== "success" && trace.error?.message ? (
        <span className="text-bad">{trace.error.message}</span>
      ) : (
        <span className="text-muted">{trace.input_preview ?? MISSING}</span>
      ),
  },
  { id: "output", label: "Output", width: 220, grows: true, cell: (trace) => <span className="text-muted">{trace.output_preview ?? MISSING}</span> },
  {
    id: "duration",
    label: "Duration",
    width: 112,
    align: "right",
    sort: "duration_ms",
    cell: (trace, longest) => <DurationBar value={trace.duration_ms} longest={longest} />,
  },
  { id: "tokens", label: "Tokens", width: 60, align: "right", sort: "tokens_total", cell: (trace) => formatCount(trace.tokens_total) },
  { id: "cost", label: "Cost", width: 78, align: "right", sort: "cost_usd", cell: (trace) => formatMoney(trace.cost_usd) },
  { id: "spans", label: "Spans", width: 68, align: "right", sort: "span_count", cell: (trace) => formatCount(trace.span_count) },
  { id: "errors", label: "Failed spans", width: 96, align: "right", sort: "error_count", cell: (trace) => formatCount(trace.error_count) },
  { id: "models", label: "Model", width: 124, cell: (trace) => trace.models.join(", ") || MISSING },
  { id: "user", label: "User", width: 130, cell: (trace) => trace.user_id ?? MISSING },
  { id: "session", label: "Session", width: 130, cell: (trace) => (trace.session_id === null ? MISSING : shortId(trace.session_id, 16)) },
  { id: "environment", label: "Environment", width: 110, cell: (trace) => trace.environment ?? MISSING },
  { id: "release", label: "Release", width: 90, cell: (trace) => trace.release ?? MISSING },
  {
    id: "tags",
    label: "Tags",
    width: 160,
    cell: (trace) =>
      trace.tags.length === 0 ? MISSING : (
        <span className="flex gap-1">
          {trace.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
        </span>
      ),
  },
  {
    id: "scores",
    label: "Scores",
    width: 150,
    cell: (trace) =>
      Object.entries(trace.scores)
        .map(([name, value]) => `${name} ${String(value)}`)
        .join(", ") || MISSING,
  },
  { id: "id", label: "Trace id", width: 140, cell: (trace) => <span className="font-mono text-xs">{shortId(trace.trace_id, 16)}</span> },
];

export const DEFAULT_COLUMNS = ["time", "status", "agent", "preview", "duration", "tokens", "cost", "models"];

/** The columns of a stored choice, in their order; those of the default when nothing of it exists. */
export function columnsOf(stored: string): Column[] {
  const chosen = stored.split(",");
  const found = COLUMNS.filter((column) => chosen.includes(column.id));
  return found.length > 0 ? found : COLUMNS.filter((column) => DEFAULT_COLUMNS.includes(column.id));
}

/** The sort that a click on a column asks for: descending first, then the other way. */
export function nextSort(column: string, current: Sort): Sort {
  return (current === `-${column}` ? column : `-${column}`) as Sort;
}

function DurationBar({ value, longest }: { value: number | null; longest: number }) {
  const share = longest > 0 ? Math.min(1, (toNumber(value) ?? 0) / longest) : 0;
  return (
    <span className="flex items-center justify-end gap-2">
      <span aria-hidden className="h-1.5 w-10 overflow-hidden rounded-full bg-raised">
        <span className="block h-full rounded-full bg-chart-1" style={{ width: `${share * 100}%` }} />
      </span>
      <span className="w-14">{formatDuration(value)}</span>
    </span>
  );
}
