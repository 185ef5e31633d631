"use client";

import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { createWorkspace } from "@/api/account";
import { session } from "@/api/client";
import { problemsOf } from "@/api/errors";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { loadPage } from "@/lib/load-page";

/** Makes a workspace that belongs to who is signed in, and goes there. */
export function NewWorkspace({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const create = useMutation({
    mutationFn: async (name: string) => session("switch", { workspace_id: (await createWorkspace(name)).id }),
    onSuccess: () => loadPage("/dashboard"),
  });
  const problems = problemsOf(create.error, ["name"]);
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    create.mutate(String(new FormData(event.currentTarget).get("name") ?? "").trim());
  }
  return (
    <Dialog title="New workspace" description="Traces, keys and members of its own; you will own it." open={open} onOpenChange={onOpenChange}>
      <form onSubmit={send} noValidate className="grid gap-4">
        <Field name="name" label="Name" autoComplete="organization" maxLength={100} required error={problems.at.name} />
        <FormError error={problems.general} />
        <div className="flex justify-end">
          <Button type="submit" variant="primary" disabled={create.isPending || create.isSuccess}>
            {create.isPending ? "Creating…" : "Create workspace"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
