"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { Users as UsersIcon } from "lucide-react";
import { parseAsStringLiteral, useQueryStates } from "nuqs";
import type { User } from "@/api/schema";
import { userListQuery } from "@/api/traces";
import { PagedList } from "@/components/paged-list";
import { EmptyState } from "@/components/states/states";
import { Ago } from "@/components/time";
import type { VirtualColumn } from "@/components/virtual-table";
import { ACTOR_SORTS, isByTime } from "@/features/actors";
import { useRange } from "@/features/range/range";
import { RangedHeader } from "@/features/range/ranged-header";
import { formatCount, formatMoney, formatShare, MISSING } from "@/lib/format";

const PAGE = 100;

const COLUMNS: readonly VirtualColumn<User>[] = [
  { id: "user", label: "User", width: 180, grows: true, value: (row) => row.user_id, cell: (row) => <span className="font-medium">{row.user_id}</span> },
  { id: "last", label: "Last activity", width: 110, sort: "last_activity", value: (row) => row.last_activity, cell: (row) => <Ago value={row.last_activity} /> },
  { id: "first", label: "First", width: 100, sort: "first_activity", value: (row) => row.first_activity, cell: (row) => <Ago value={row.first_activity} /> },
  { id: "agents", label: "Agents", width: 200, grows: true, value: (row) => row.agents.join(", "), cell: (row) => row.agents.join(", ") || MISSING },
  { id: "sessions", label: "Sessions", width: 76, align: "right", value: (row) => row.session_count, cell: (row) => formatCount(row.session_count) },
  { id: "traces", label: "Traces", width: 70, align: "right", sort: "trace_count", value: (row) => row.trace_count, cell: (row) => formatCount(row.trace_count) },
  { id: "errors", label: "Failed", width: 70, align: "right", sort: "error_count", value: (row) => row.error_count, cell: (row) => formatCount(row.error_count) },
  { id: "rate", label: "Error rate", width: 80, align: "right", value: (row) => row.error_rate, cell: (row) => formatShare(row.error_rate) },
  { id: "tokens", label: "Tokens", width: 76, align: "right", sort: "tokens_total", value: (row) => row.tokens_total, cell: (row) => formatCount(row.tokens_total) },
  { id: "cost", label: "Cost", width: 80, align: "right", sort: "cost_usd", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
];

export function UsersPage() {
  const { scope } = useRange();
  const [state, setState] = useQueryStates({ sort: parseAsStringLiteral(ACTOR_SORTS).withDefault("last_activity") });
  const { agent_id: agents, ...rest } = scope;
  const query = useInfiniteQuery(
    userListQuery({ ...rest, sort: state.sort, limit: PAGE, ...(isByTime(state.sort) && agents ? { agent_id: agents } : {}) }),
  );
  return (
    <div className="flex h-[calc(100dvh-3rem)] flex-col md:h-dvh">
      <RangedHeader title="Users" />
      <div className="flex min-h-0 flex-1 flex-col bg-surface">
        <PagedList
          label="Users"
          noun={["user", "users"]}
          query={query}
          columns={COLUMNS}
          keyOf={(row) => row.user_id}
          hrefOf={(row) => `/users/${encodeURIComponent(row.user_id)}`}
          directionOf={(sort) => (state.sort === sort ? "descending" : "none")}
          onSort={(sort) => void setState({ sort: ACTOR_SORTS.find((name) => name === sort) ?? null })}
          empty={
            <EmptyState icon={<UsersIcon aria-hidden />} title="No users in this range">
              Traces that name a user (user.id, enduser.id, or user_id) are put together here.
            </EmptyState>
          }
        />
      </div>
    </div>
  );
}
