"use client";

import { type FormEvent, useState } from "react";
import { useChangePassword, useUpdateProfile } from "@/api/account";
import { problemsOf } from "@/api/errors";
import type { MeAnswer } from "@/api/schema";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field } from "@/components/ui/field";
import { Saved } from "@/features/settings/saved";

export function Account({ caller }: { caller: MeAnswer }) {
  return (
    <div className="grid max-w-3xl gap-4">
      <Profile caller={caller} />
      <Password email={caller.email} />
    </div>
  );
}

function Profile({ caller }: { caller: MeAnswer }) {
  const [email, setEmail] = useState(caller.email);
  const update = useUpdateProfile();
  const problems = problemsOf(update.error, ["full_name", "email", "password"]);
  const isOtherEmail = email.trim() !== caller.email;
  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    update.mutate({
      full_name: String(form.get("full_name") ?? "").trim(),
      ...(isOtherEmail ? { email: email.trim(), password: String(form.get("password") ?? "") || null } : {}),
    });
  }
  return (
    <Card title="Profile">
      <form onSubmit={save} onChange={() => (update.isIdle ? undefined : update.reset())} noValidate className="grid gap-4 sm:grid-cols-2">
        <Field name="full_name" label="Name" autoComplete="name" defaultValue={caller.full_name} maxLength={100} error={problems.at.full_name} />
        <Field
          name="email"
          label="Email"
          type="email"
          autoComplete="email"
          value={email}
          onChange={(event) => setEmail(event.target.value)}
          hint="You sign in with it"
          error={problems.at.email}
        />
        {isOtherEmail ? (
          <Field
            name="password"
            label="Your password"
            type="password"
            autoComplete="current-password"
            hint="Needed for another mail address"
            error={problems.at.password}
            className="sm:col-start-2"
          />
        ) : null}
        <div className="grid gap-3 sm:col-span-2">
          <FormError error={problems.general} />
          <div className="flex items-center gap-3">
            <Button type="submit" variant="primary" disabled={update.isPending}>
              {update.isPending ? "Saving…" : "Save"}
            </Button>
            <Saved when={update.isSuccess} />
          </div>
        </div>
      </form>
    </Card>
  );
}

function Password({ email }: { email: string }) {
  const change = useChangePassword();
  const problems = problemsOf(change.error, ["current_password", "new_password"]);
  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const element = event.currentTarget;
    const form = new FormData(element);
    change.mutate(
      { current_password: String(form.get("current_password") ?? ""), new_password: String(form.get("new_password") ?? "") },
      { onSuccess: () => element.reset() },
    );
  }
  const ended = change.data?.sessions_ended ?? 0;
  return (
    <Card title="Password">
      <form onSubmit={save} onChange={() => (change.isIdle ? undefined : change.reset())} noValidate className="grid gap-4 sm:grid-cols-2">
        {/* Password managers keep the new password with the account that it belongs to. */}
        <input type="hidden" name="username" autoComplete="username" value={email} readOnly />
        <Field
          name="current_password"
          label="Current password"
          type="password"
          autoComplete="current-password"
          error={problems.at.current_password}
        />
        <Field
          name="new_password"
          label="New password"
          type="password"
          autoComplete="new-password"
          hint="8 characters or more"
          error={problems.at.new_password}
        />
        <div className="grid gap-3 sm:col-span-2">
          <FormError error={problems.general} />
          <div className="flex items-center gap-3">
            <Button type="submit" variant="primary" disabled={change.isPending}>
              {change.isPending ? "Changing…" : "Change password"}
            </Button>
            <Saved when={change.isSuccess}>
              {`Changed.${ended === 0 ? "" : ended === 1 ? " One other session has ended." : ` ${ended} other sessions have ended.`}`}
            </Saved>
          </div>
        </div>
      </form>
    </Card>
  );
}
