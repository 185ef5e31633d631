"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { MessagesSquare } from "lucide-react";
import { parseAsBoolean, parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import type { Session } from "@/api/schema";
import { sessionListQuery } from "@/api/traces";
import { PagedList } from "@/components/paged-list";
import { EmptyState } from "@/components/states/states";
import { StatusBadge } from "@/components/status";
import { Ago } from "@/components/time";
import { Input } from "@/components/ui/field";
import type { VirtualColumn } from "@/components/virtual-table";
import { ACTOR_SORTS, isByTime } from "@/features/actors";
import { useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { formatCount, formatDuration, formatMoney, MISSING, shortId } from "@/lib/format";

const PAGE = 100;

const COLUMNS: readonly VirtualColumn<Session>[] = [
  { id: "last", label: "Last activity", width: 100, sort: "last_activity", value: (row) => row.last_activity, cell: (row) => <Ago value={row.last_activity} /> },
  { id: "status", label: "Status", width: 86, value: (row) => row.status, cell: (row) => <StatusBadge status={row.status} /> },
  { id: "session", label: "Session", width: 172, value: (row) => row.session_id, cell: (row) => <span className="font-mono text-xs">{shortId(row.session_id, 22)}</span> },
  { id: "input", label: "Began with", width: 130, grows: true, value: (row) => row.input_preview, cell: (row) => <span className="text-muted">{row.input_preview ?? MISSING}</span> },
  { id: "agents", label: "Agents", width: 110, value: (row) => row.agents.join(", "), cell: (row) => row.agents.join(", ") || MISSING },
  { id: "user", label: "User", width: 104, value: (row) => row.user_ids.join(", "), cell: (row) => row.user_ids.join(", ") || MISSING },
  { id: "traces", label: "Traces", width: 52, align: "right", sort: "trace_count", value: (row) => row.trace_count, cell: (row) => formatCount(row.trace_count) },
  { id: "errors", label: "Failed", width: 48, align: "right", sort: "error_count", value: (row) => row.error_count, cell: (row) => formatCount(row.error_count) },
  { id: "duration", label: "Lasted", width: 84, align: "right", value: (row) => row.duration_ms, cell: (row) => formatDuration(row.duration_ms) },
  { id: "tokens", label: "Tokens", width: 60, align: "right", sort: "tokens_total", value: (row) => row.tokens_total, cell: (row) => formatCount(row.tokens_total) },
  { id: "cost", label: "Cost", width: 66, align: "right", sort: "cost_usd", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
];

export function Sessions() {
  const { scope } = useRange();
  const [state, setState] = useQueryStates({
    sort: parseAsStringLiteral(ACTOR_SORTS).withDefault("last_activity"),
    user_id: parseAsString.withDefault(""),
    has_error: parseAsBoolean.withDefault(false),
  });
  const canFilter = isByTime(state.sort);
  const { agent_id: agents, ...rest } = scope;
  const query = useInfiniteQuery(
    sessionListQuery({
      ...rest,
      sort: state.sort,
      limit: PAGE,
      ...(canFilter && agents ? { agent_id: agents } : {}),
      ...(canFilter && state.user_id ? { user_id: [state.user_id] } : {}),
      ...(canFilter && state.has_error ? { has_error: true } : {}),
    }),
  );
  const isFiltered = canFilter && (state.user_id !== "" || state.has_error);
  return (
    <div className="flex h-[calc(100dvh-3rem)] flex-col md:h-dvh">
      <RangedHeader title="Sessions" />
      <div className="flex flex-wrap items-center gap-3 border-b border-line bg-surface px-4 py-2 text-sm">
        <Input
          data-search
          type="search"
          aria-label="User"
          placeholder="User"
          className="w-56"
          defaultValue={state.user_id}
          disabled={!canFilter}
          onKeyDown={(event) => {
            if (event.key === "Enter") void setState({ user_id: event.currentTarget.value.trim() || null });
          }}
        />
        <label className="flex items-center gap-2">
          <input
            type="checkbox"
            className="size-4 accent-(--accent)"
            checked={state.has_error}
            disabled={!canFilter}
            onChange={(event) => void setState({ has_error: event.target.checked || null })}
          />
          With a failed trace
        </label>
        {canFilter ? null : <span className="text-xs text-muted">Sorted by a sum, all sessions of the range are shown.</span>}
      </div>
      <div className="flex min-h-0 flex-1 flex-col bg-surface">
        <PagedList
          label="Sessions"
          noun={["session", "sessions"]}
          query={query}
          columns={COLUMNS}
          keyOf={(row) => row.session_id}
          hrefOf={(row) => `/sessions/${encodeURIComponent(row.session_id)}`}
          directionOf={(sort) => (state.sort === sort ? "descending" : "none")}
          onSort={(sort) => void setState({ sort: ACTOR_SORTS.find((name) => name === sort) ?? null })}
          onClear={isFiltered ? () => void setState({ user_id: null, has_error: null }) : undefined}
          empty={
            <EmptyState icon={<MessagesSquare aria-hidden />} title="No sessions in this range">
              Traces that name a session (session.id, gen_ai.conversation.id, or session_id) are put together here.
            </EmptyState>
          }
        />
      </div>
    </div>
  );
}
