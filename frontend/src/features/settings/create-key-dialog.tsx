"use client";

import { Plus } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useCreateKey } from "@/api/account";
import { problemsOf } from "@/api/errors";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { SelectField } from "@/components/ui/select-field";
import { expiryOf, givableScopes, type Lifetime, LIFETIMES } from "@/features/settings/forms";
import { ShownOnce } from "@/features/settings/once";

/** Makes an API key and shows it, this once. */
export function CreateKeyDialog({ permissions }: { permissions: readonly string[] }) {
  const [isOpen, setOpen] = useState(false);
  const [lifetime, setLifetime] = useState<Lifetime>("never");
  const create = useCreateKey();
  const problems = problemsOf(create.error, ["name", "scopes", "expires_at"]);
  const scopes = givableScopes(permissions);
  function show(open: boolean) {
    setOpen(open);
    create.reset();
  }
  function make(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    create.mutate({
      name: String(form.get("name") ?? "").trim(),
      scopes: scopes.filter(({ scope }) => form.getAll("scopes").includes(scope)).map(({ scope }) => scope),
      expires_at: expiryOf(lifetime, new Date()),
    });
  }
  return (
    <Dialog
      title={create.data ? `Key ${create.data.name}` : "Create an API key"}
      open={isOpen}
      onOpenChange={show}
      trigger={
        <Button variant="primary">
          <Plus aria-hidden />
          Create key
        </Button>
      }
    >
      {create.data ? (
        <div className="grid gap-4">
          <ShownOnce text={create.data.key} label="Key">
            Keep it now: it is shown this once, and nobody can read it again.
          </ShownOnce>
          <div className="flex justify-end">
            <DialogClose asChild>
              <Button variant="primary">Done</Button>
            </DialogClose>
          </div>
        </div>
      ) : (
        <form onSubmit={make} noValidate className="grid gap-4">
          <Field name="name" label="Name" autoComplete="off" maxLength={100} required hint="What uses it, such as checkout-service" error={problems.at.name} />
          <fieldset className="grid gap-2">
            <legend className="mb-1.5 text-sm font-medium">What it may do</legend>
            {scopes.map(({ scope, label, may }, index) => (
              <label key={scope} className="flex items-start gap-2.5 text-sm">
                <input type="checkbox" name="scopes" value={scope} defaultChecked={index === 0} className="mt-0.5 size-4 accent-accent" />
                <span>
                  {label}
                  <span className="block text-xs text-muted">{may}</span>
                </span>
              </label>
            ))}
            {problems.at.scopes ? <p className="text-xs text-bad">{problems.at.scopes}</p> : null}
          </fieldset>
          <SelectField label="Expires" value={lifetime} options={LIFETIMES} onChange={setLifetime} hint={problems.at.expires_at} />
          <FormError error={problems.general} />
          <div className="flex justify-end">
            <Button type="submit" variant="primary" disabled={create.isPending}>
              {create.isPending ? "Creating…" : "Create"}
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
