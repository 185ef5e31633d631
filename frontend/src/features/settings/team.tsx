"use client";

import { useQuery } from "@tanstack/react-query";
import { UserMinus } from "lucide-react";
import { useState } from "react";
import { membersQuery, useChangeRole, useRemoveMember } from "@/api/account";
import type { MemberView, MeAnswer } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/select";
import { Cell, HeadCell, Row, Table, TableSkeleton } from "@/components/ui/table";
import { givableRoles, mayChangeMember, type Role, roleLabel, ROLES } from "@/features/settings/forms";
import { InviteDialog } from "@/features/settings/invite-dialog";
import { formatDay, MISSING } from "@/lib/format";

export function Team({ caller }: { caller: MeAnswer }) {
  const members = useQuery(membersQuery());
  return (
    <Card title="Members" aside={caller.permissions.includes("admin") ? <InviteDialog ownRole={caller.role} /> : null}>
      <QueryView query={members} skeleton={<TableSkeleton rows={3} />}>
        {(rows) => (
          <Table label="Members">
            <thead>
              <tr>
                <HeadCell>Name</HeadCell>
                <HeadCell>Email</HeadCell>
                <HeadCell>Role</HeadCell>
                <HeadCell>Joined</HeadCell>
                <HeadCell>Last sign-in</HeadCell>
                <HeadCell>
                  <span className="sr-only">Actions</span>
                </HeadCell>
              </tr>
            </thead>
            <tbody>
              {rows.map((member) => (
                <MemberRow key={member.id} member={member} caller={caller} isChangeable={mayChangeMember(caller.role, member, rows)} />
              ))}
            </tbody>
          </Table>
        )}
      </QueryView>
    </Card>
  );
}

function MemberRow({ member, caller, isChangeable }: { member: MemberView; caller: MeAnswer; isChangeable: boolean }) {
  const [wanted, setWanted] = useState<Role | null>(null);
  const change = useChangeRole();
  const remove = useRemoveMember();
  const name = member.full_name || member.email;
  const isSelf = member.id === caller.id;
  return (
    <Row>
      <Cell className="font-medium">
        {name}
        {isSelf ? <span className="font-normal text-muted"> (you)</span> : null}
      </Cell>
      <Cell className="text-muted">{member.email}</Cell>
      <Cell>
        {isChangeable ? (
          <Select
            label={`Role of ${name}`}
            value={member.role}
            options={givableRoles(caller.role).map((role) => ({ value: role as string, label: ROLES[role].label }))}
            onChange={(role) => setWanted(givableRoles(caller.role).find((known) => known === role) ?? null)}
            className="h-7 min-w-32"
          />
        ) : (
          <span title={member.role === "owner" ? "The last owner stays owner" : undefined}>{roleLabel(member.role)}</span>
        )}
        {wanted === null ? null : (
          <ConfirmDialog
            title={`Make ${name} ${ROLES[wanted].label.toLowerCase()}?`}
            description={`What this role may do: ${ROLES[wanted].may}. API keys of theirs that go beyond it are revoked.${isSelf ? " You give up your own role." : ""}`}
            action="Change the role"
            tone={isSelf ? "danger" : "primary"}
            change={change}
            onConfirm={(close) => change.mutate({ memberId: member.id, role: wanted }, { onSuccess: close })}
            onClose={() => setWanted(null)}
          />
        )}
      </Cell>
      <Cell className="text-muted">{formatDay(member.joined_at)}</Cell>
      <Cell className="text-muted">{member.last_login_at === null ? MISSING : <Ago value={member.last_login_at} />}</Cell>
      <Cell className="text-right">
        {isChangeable && !isSelf ? (
          <ConfirmDialog
            title={`Remove ${name}?`}
            description="They lose access at once, and the API keys that they made are revoked."
            action="Remove"
            change={remove}
            onConfirm={(close) => remove.mutate(member.id, { onSuccess: close })}
            trigger={
              <Button variant="ghost" size="icon-sm" aria-label={`Remove ${name}`}>
                <UserMinus aria-hidden />
              </Button>
            }
          />
        ) : null}
      </Cell>
    </Row>
  );
}
