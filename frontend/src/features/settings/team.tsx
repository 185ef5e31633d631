"use client";

import { useQuery } from "@tanstack/react-query";
import { UserMinus } from "lucide-react";
import { useState } from "react";
import { membersQuery, useChangeRole, useRemoveMember } from "@/api/account";
import type { MemberView, MeAnswer } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { type Column, DataTable } from "@/components/data-table";
import { QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/table-skeleton";
import { givableRoles, mayChangeMember, type Role, roleLabel, ROLES } from "@/features/settings/forms";
import { InviteDialog } from "@/features/settings/invite-dialog";
import { formatDay, MISSING } from "@/lib/format";

export function Team({ caller }: { caller: MeAnswer }) {
  const members = useQuery(membersQuery());
  return (
    <Card title="Members" aside={caller.permissions.includes("admin") ? <InviteDialog ownRole={caller.role} /> : null}>
      <QueryView query={members} skeleton={<TableSkeleton rows={3} />}>
        {(rows) => (
          <DataTable
            label="Members"
            name="members"
            columns={columnsOf(caller, rows)}
            rows={rows}
            keyOf={(member) => member.id}
            initialSort={{ key: "name", isDescending: false }}
            most={50}
          />
        )}
      </QueryView>
    </Card>
  );
}

const nameOf = (member: MemberView) => member.full_name || member.email;

function columnsOf(caller: MeAnswer, members: readonly MemberView[]): readonly Column<MemberView>[] {
  return [
    {
      key: "name",
      label: "Name",
      value: nameOf,
      cell: (member) => (
        <>
          <span className="font-medium">{nameOf(member)}</span>
          {member.id === caller.id ? <span className="text-muted"> (you)</span> : null}
        </>
      ),
    },
    { key: "email", label: "Email", value: (member) => member.email },
    {
      key: "role",
      label: "Role",
      value: (member) => roleLabel(member.role),
      cell: (member) =>
        mayChangeMember(caller.role, member, members) ? (
          <RoleChoice member={member} caller={caller} />
        ) : (
          <span title={member.role === "owner" ? "The last owner stays owner" : undefined}>{roleLabel(member.role)}</span>
        ),
    },
    { key: "joined", label: "Joined", value: (member) => member.joined_at, cell: (member) => formatDay(member.joined_at) },
    {
      key: "last",
      label: "Last sign-in",
      value: (member) => member.last_login_at,
      cell: (member) => (member.last_login_at === null ? MISSING : <Ago value={member.last_login_at} />),
    },
    {
      key: "actions",
      label: "Actions",
      align: "right",
      isActions: true,
      value: () => null,
      cell: (member) => (member.id !== caller.id && mayChangeMember(caller.role, member, members) ? <Removal member={member} /> : null),
    },
  ];
}

function RoleChoice({ member, caller }: { member: MemberView; caller: MeAnswer }) {
  const [wanted, setWanted] = useState<Role | null>(null);
  const change = useChangeRole();
  const name = nameOf(member);
  const isSelf = member.id === caller.id;
  return (
    <>
      <Select
        label={`Role of ${name}`}
        value={member.role}
        options={givableRoles(caller.role).map((role) => ({ value: role as string, label: ROLES[role].label }))}
        onChange={(role) => setWanted(givableRoles(caller.role).find((known) => known === role) ?? null)}
        className="h-7 min-w-32"
      />
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
    </>
  );
}

function Removal({ member }: { member: MemberView }) {
  const remove = useRemoveMember();
  return (
    <ConfirmDialog
      title={`Remove ${nameOf(member)}?`}
      description="They lose access at once, and the API keys that they made are revoked."
      action="Remove"
      change={remove}
      onConfirm={(close) => remove.mutate(member.id, { onSuccess: close })}
      trigger={
        <Button variant="ghost" size="icon-sm" aria-label={`Remove ${nameOf(member)}`}>
          <UserMinus aria-hidden />
        </Button>
      }
    />
  );
}
