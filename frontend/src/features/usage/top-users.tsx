"use client";

import { useQuery } from "@tanstack/react-query";
import { UsersRound } from "lucide-react";
import { topUsersQuery } from "@/api/figures";
import type { TopUser } from "@/api/schema";
import { type Column, DataTable } from "@/components/data-table";
import { ChangeText } from "@/components/figure-card";
import { Link } from "@/components/link";
import { EmptyState, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Card } from "@/components/ui/card";
import { TableSkeleton } from "@/components/table-skeleton";
import { usePathWith, useRange } from "@/features/range/range";
import { formatCount, formatMoney, toNumber } from "@/lib/format";
import { useSort } from "@/lib/sort";

const USERS = 50;
const NAME = "users";
const INITIAL_SORT = { key: "calls", isDescending: true };

/** Which users are at the top depends on the order: the gateway finds them for each of these. */
const ORDERS = { calls: "calls", tokens: "tokens_total", cost: "cost_usd" } as const;

function isOrder(key: string): key is keyof typeof ORDERS {
  return Object.hasOwn(ORDERS, key);
}

function UserLink({ userId }: { userId: string }) {
  const pathWith = usePathWith();
  return (
    <Link href={pathWith("/traces", { user_id: userId })} title={userId} className="block max-w-36 truncate sm:max-w-56 hover:underline">
      {userId}
    </Link>
  );
}

const COLUMNS: readonly Column<TopUser>[] = [
  { key: "user", label: "User", isSortable: false, value: (row) => row.user_id, cell: (row) => <UserLink userId={row.user_id} /> },
  { key: "calls", label: "Calls", align: "right", value: (row) => row.calls.value, cell: (row) => formatCount(row.calls.value) },
  { key: "change", label: "Change", align: "right", isSortable: false, value: (row) => row.calls.change_percent, cell: (row) => <ChangeText figure={row.calls} format={formatCount} /> },
  { key: "errors", label: "Errors", align: "right", isSortable: false, value: (row) => row.errors, cell: (row) => formatCount(row.errors) },
  { key: "tokens", label: "Tokens", align: "right", value: (row) => toNumber(row.tokens_total), cell: (row) => formatCount(row.tokens_total) },
  { key: "cost", label: "Cost", align: "right", value: (row) => row.cost_usd, cell: (row) => formatMoney(row.cost_usd) },
  { key: "last_active", label: "Last active", align: "right", isSortable: false, value: (row) => row.last_active, cell: (row) => <Ago value={row.last_active} /> },
];

/** Who calls most, uses most tokens or costs most. */
export function TopUsers() {
  const { scope } = useRange();
  const [sort] = useSort(NAME, INITIAL_SORT);
  const users = useQuery(topUsersQuery({ ...scope, limit: USERS, sort: isOrder(sort.key) ? ORDERS[sort.key] : "calls" }));
  return (
    <Card title="Top users">
      <QueryView query={users} skeleton={<TableSkeleton />}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<UsersRound aria-hidden />} title="No users named">
              Traces of this range name no user. Set <code className="font-mono text-xs">user_id</code> on your traces to see who uses your agents.
            </EmptyState>
          ) : (
            <DataTable label="Top users" name={NAME} columns={COLUMNS} rows={rows} keyOf={(row) => row.user_id} initialSort={INITIAL_SORT} />
          )
        }
      </QueryView>
    </Card>
  );
}
