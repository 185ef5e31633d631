"use client";

import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useDeleteWorkspace, useUpdateWorkspace } from "@/api/account";
import { session } from "@/api/client";
import { problemsOf } from "@/api/errors";
import type { MeAnswer } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, TextareaField } from "@/components/ui/field";
import { readDays } from "@/features/settings/forms";
import { Saved } from "@/features/settings/saved";
import { loadPage } from "@/lib/load-page";

const FIELDS = ["name", "slug", "description", "timezone", "retention_days", "rollup_retention_days"] as const;
const LONGEST_DAYS = 3650;
const SLUG_RULE = "2 to 40 small letters, digits and hyphens inside";

export function General({ caller }: { caller: MeAnswer }) {
  return (
    <div className="grid max-w-3xl gap-4">
      <WorkspaceForm caller={caller} />
      {caller.permissions.includes("workspace:delete") ? <DangerZone name={caller.workspace.name} /> : null}
    </div>
  );
}

function WorkspaceForm({ caller: { workspace, permissions } }: { caller: MeAnswer }) {
  const update = useUpdateWorkspace();
  const mayChange = permissions.includes("admin");
  const problems = problemsOf(update.error, FIELDS);
  const zones = [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone")])];
  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: (typeof FIELDS)[number]) => String(form.get(name) ?? "").trim();
    update.mutate({
      name: text("name"),
      slug: text("slug"),
      description: text("description"),
      timezone: text("timezone"),
      retention_days: readDays(text("retention_days")),
      rollup_retention_days: readDays(text("rollup_retention_days")),
    });
  }
  return (
    <Card title="Workspace">
      <form onSubmit={save} onChange={() => (update.isIdle ? undefined : update.reset())} noValidate>
        <fieldset disabled={!mayChange} className="grid gap-4 sm:grid-cols-2">
          <Field name="name" label="Name" defaultValue={workspace.name} maxLength={100} error={problems.at.name} />
          <Field
            name="slug"
            label="Slug"
            defaultValue={workspace.slug}
            maxLength={40}
            hint={SLUG_RULE}
            error={slugProblem(problems.at.slug)}
          />
          <TextareaField
            name="description"
            label="Description"
            defaultValue={workspace.description}
            maxLength={1000}
            rows={3}
            className="sm:col-span-2"
            error={problems.at.description}
          />
          <Field
            name="timezone"
            label="Time zone"
            defaultValue={workspace.timezone}
            list="time-zones"
            hint="Where the team is at home; pages show times in the zone of whoever looks"
            error={problems.at.timezone}
            className="sm:col-span-2"
          />
          <datalist id="time-zones">
            {zones.map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
          <Field
            name="retention_days"
            label="Keep traces for (days)"
            type="number"
            min={1}
            max={LONGEST_DAYS}
            defaultValue={workspace.retention_days}
            hint="Older traces are removed, those that are stored already too"
            error={problems.at.retention_days}
          />
          <Field
            name="rollup_retention_days"
            label="Keep hourly and daily figures for (days)"
            type="number"
            min={1}
            max={LONGEST_DAYS}
            defaultValue={workspace.rollup_retention_days}
            hint="Charts reach back this far, after the traces are gone"
            error={problems.at.rollup_retention_days}
          />
          {mayChange ? (
            <div className="grid gap-3 sm:col-span-2">
              <FormError error={problems.general} />
              <div className="flex items-center gap-3">
                <Button type="submit" variant="primary" disabled={update.isPending}>
                  {update.isPending ? "Saving…" : "Save"}
                </Button>
                <Saved when={update.isSuccess} />
              </div>
            </div>
          ) : (
            <p className="text-sm text-muted sm:col-span-2">Owners and administrators of the workspace may change this.</p>
          )}
        </fieldset>
      </form>
    </Card>
  );
}

/** What is wrong with a slug in words: the gateway names the pattern. */
function slugProblem(message: string | undefined): string | undefined {
  return message?.includes("pattern") ? SLUG_RULE : message;
}

function DangerZone({ name }: { name: string }) {
  const remove = useDeleteWorkspace();
  // The session was one of the workspace; a new one leads to another that the user belongs to.
  const leave = useMutation({ mutationFn: () => session("logout"), onSettled: () => loadPage("/login") });
  return (
    <Card title="Danger zone" className="border-bad/40">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-prose text-sm text-muted">
          Deleting the workspace ends every access to it at once and removes its traces, keys and memberships.
        </p>
        <ConfirmDialog
          title={`Delete ${name}?`}
          description="All traces, figures, API keys and memberships of this workspace are removed. Nobody can bring them back."
          action="Delete the workspace"
          typed={name}
          change={remove}
          onConfirm={() => remove.mutate(undefined, { onSuccess: () => leave.mutate() })}
          trigger={<Button variant="danger">Delete workspace</Button>}
        />
      </div>
    </Card>
  );
}
