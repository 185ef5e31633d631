"use client";

import { useQuery } from "@tanstack/react-query";
import { Clock, KeyRound, Trash2 } from "lucide-react";
import { apiKeysQuery, membersQuery, useRevokeKey } from "@/api/account";
import type { KeyView, MeAnswer } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { type Column, DataTable } from "@/components/data-table";
import { EmptyState, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { TableSkeleton } from "@/components/table-skeleton";
import { CreateKeyDialog } from "@/features/settings/create-key-dialog";
import { expiryState, scopeLabel } from "@/features/settings/forms";
import { formatDay, shortId } from "@/lib/format";

export function Keys({ caller }: { caller: MeAnswer }) {
  const keys = useQuery(apiKeysQuery());
  const seesAll = caller.permissions.includes("admin");
  const members = useQuery({ ...membersQuery(), enabled: seesAll });
  const nameOf = (id: string) => (id === caller.id ? "You" : (members.data?.find((member) => member.id === id)?.full_name ?? shortId(id)));
  return (
    <Card title="API keys" aside={caller.permissions.includes("keys") ? <CreateKeyDialog permissions={caller.permissions} /> : null}>
      <QueryView query={keys} skeleton={<TableSkeleton rows={3} />}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<KeyRound aria-hidden />} title="No keys yet">
              Programs send and read with a key. {seesAll ? "" : "You see the keys that you made."}
            </EmptyState>
          ) : (
            <DataTable
              label="API keys"
              name="keys"
              columns={columnsOf(seesAll ? nameOf : null)}
              rows={rows}
              keyOf={(key) => key.id}
              initialSort={{ key: "created", isDescending: true }}
              most={50}
            />
          )
        }
      </QueryView>
    </Card>
  );
}

function columnsOf(makerOf: ((id: string) => string) | null): readonly Column<KeyView>[] {
  const maker: Column<KeyView>[] = makerOf ? [{ key: "maker", label: "Made by", value: (key) => makerOf(key.created_by) }] : [];
  return [
    { key: "name", label: "Name", value: (key) => key.name, cell: (key) => <span className="font-medium">{key.name}</span> },
    { key: "prefix", label: "Begins with", value: (key) => key.prefix, cell: (key) => <span className="font-mono text-xs text-muted">{key.prefix}…</span> },
    {
      key: "may",
      label: "May",
      value: (key) => key.scopes.map(scopeLabel).join(", "),
      cell: (key) => (
        <ul className="flex gap-1">
          {key.scopes.map((scope) => (
            <li key={scope}>
              <Badge>{scopeLabel(scope)}</Badge>
            </li>
          ))}
        </ul>
      ),
    },
    ...maker,
    { key: "created", label: "Created", value: (key) => key.created_at, cell: (key) => formatDay(key.created_at) },
    { key: "used", label: "Last used", value: (key) => key.last_used_at, cell: (key) => (key.last_used_at === null ? "Never" : <Ago value={key.last_used_at} />) },
    { key: "expires", label: "Expires", value: (key) => key.expires_at, cell: (key) => <Expiry expiresAt={key.expires_at} /> },
    { key: "actions", label: "Actions", align: "right", isActions: true, value: () => null, cell: (key) => <Revocation apiKey={key} /> },
  ];
}

function Revocation({ apiKey }: { apiKey: KeyView }) {
  const revoke = useRevokeKey();
  return (
    <ConfirmDialog
      title={`Revoke ${apiKey.name}?`}
      description="Whatever uses the key is refused from now on. A revoked key cannot be used again."
      action="Revoke"
      change={revoke}
      onConfirm={(close) => revoke.mutate(apiKey.id, { onSuccess: close })}
      trigger={
        <Button variant="ghost" size="icon-sm" aria-label={`Revoke ${apiKey.name}`}>
          <Trash2 aria-hidden />
        </Button>
      }
    />
  );
}

function Expiry({ expiresAt }: { expiresAt: string | null }) {
  if (expiresAt === null) return <span className="text-muted">Never</span>;
  const state = expiryState(expiresAt, new Date());
  if (state === "later") return <span className="text-muted">{formatDay(expiresAt)}</span>;
  return (
    <Badge tone={state === "ended" ? "bad" : "warn"}>
      <Clock aria-hidden />
      {state === "ended" ? "Expired" : "Ends"} <Ago value={expiresAt} />
    </Badge>
  );
}
