"use client";

import { useQuery } from "@tanstack/react-query";
import { Clock, KeyRound, Trash2 } from "lucide-react";
import { apiKeysQuery, membersQuery, useRevokeKey } from "@/api/account";
import type { KeyView, MeAnswer } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { EmptyState, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Cell, HeadCell, Row, Table, TableSkeleton } from "@/components/ui/table";
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
            <Table label="API keys">
              <thead>
                <tr>
                  <HeadCell>Name</HeadCell>
                  <HeadCell>Begins with</HeadCell>
                  <HeadCell>May</HeadCell>
                  {seesAll ? <HeadCell>Made by</HeadCell> : null}
                  <HeadCell>Created</HeadCell>
                  <HeadCell>Last used</HeadCell>
                  <HeadCell>Expires</HeadCell>
                  <HeadCell>
                    <span className="sr-only">Actions</span>
                  </HeadCell>
                </tr>
              </thead>
              <tbody>
                {rows.map((key) => (
                  <KeyRow key={key.id} apiKey={key} maker={seesAll ? nameOf(key.created_by) : null} />
                ))}
              </tbody>
            </Table>
          )
        }
      </QueryView>
    </Card>
  );
}

function KeyRow({ apiKey, maker }: { apiKey: KeyView; maker: string | null }) {
  const revoke = useRevokeKey();
  return (
    <Row>
      <Cell className="font-medium">{apiKey.name}</Cell>
      <Cell className="font-mono text-xs text-muted">{apiKey.prefix}…</Cell>
      <Cell>
        <ul className="flex gap-1">
          {apiKey.scopes.map((scope) => (
            <li key={scope}>
              <Badge>{scopeLabel(scope)}</Badge>
            </li>
          ))}
        </ul>
      </Cell>
      {maker === null ? null : <Cell className="text-muted">{maker}</Cell>}
      <Cell className="text-muted">{formatDay(apiKey.created_at)}</Cell>
      <Cell className="text-muted">{apiKey.last_used_at === null ? "Never" : <Ago value={apiKey.last_used_at} />}</Cell>
      <Cell>
        <Expiry expiresAt={apiKey.expires_at} />
      </Cell>
      <Cell className="text-right">
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
      </Cell>
    </Row>
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
