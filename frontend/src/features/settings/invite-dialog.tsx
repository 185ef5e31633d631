"use client";

import { UserPlus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useInvite } from "@/api/account";
import { problemsOf } from "@/api/errors";
import type { InvitationRequest } from "@/api/schema";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { SelectField } from "@/components/ui/select-field";
import { givableRoles, roleLabel, ROLES } from "@/features/settings/forms";
import { ShownOnce } from "@/features/settings/once";
import { formatTimestamp } from "@/lib/format";

type InvitedRole = NonNullable<InvitationRequest["role"]>;
const INVITED: readonly InvitedRole[] = ["admin", "member", "viewer", "billing"];

/** Invites one person by a link. */
export function InviteDialog({ ownRole }: { ownRole: string | null }) {
  const [isOpen, setOpen] = useState(false);
  const [role, setRole] = useState<InvitedRole>("member");
  const invite = useInvite();
  const problems = problemsOf(invite.error, ["email"]);
  const given = givableRoles(ownRole);
  function show(open: boolean) {
    setOpen(open);
    invite.reset();
  }
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    invite.mutate({ email: String(new FormData(event.currentTarget).get("email") ?? "").trim(), role });
  }
  return (
    <Dialog
      title="Invite a member"
      description="The link is good for a week, and for the person with this address only."
      open={isOpen}
      onOpenChange={show}
      trigger={
        <Button variant="primary">
          <UserPlus aria-hidden />
          Invite
        </Button>
      }
    >
      {invite.data ? (
        <div className="grid gap-4">
          <ShownOnce text={invite.data.link} label="Link">
            {`Send it to ${invite.data.email} now: it is shown this once. They join as ${roleLabel(invite.data.role).toLowerCase()}. It ends on ${formatTimestamp(invite.data.expires_at)}.`}
          </ShownOnce>
          <div className="flex justify-end">
            <DialogClose asChild>
              <Button variant="primary">Done</Button>
            </DialogClose>
          </div>
        </div>
      ) : (
        <form onSubmit={send} noValidate className="grid gap-4">
          <Field name="email" label="Email" type="email" autoComplete="off" required error={problems.at.email} />
          <SelectField
            label="Role"
            value={role}
            options={INVITED.filter((name) => given.includes(name)).map((name) => ({ value: name, label: ROLES[name].label }))}
            onChange={setRole}
            hint={ROLES[role].may}
          />
          <FormError error={problems.general} />
          <div className="flex justify-end">
            <Button type="submit" variant="primary" disabled={invite.isPending}>
              {invite.isPending ? "Making the link…" : "Make a link"}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
