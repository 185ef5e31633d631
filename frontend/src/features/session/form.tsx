"use client";

import { useMutation } from "@tanstack/react-query";
import type { FormEvent, ReactNode } from "react";
import { problemsOf } from "@/api/errors";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";

export interface FormField {
  name: string;
  label: string;
  type?: "text" | "email" | "password";
  autoComplete?: string;
  hint?: string;
  optional?: boolean;
}

interface FormProps {
  title: string;
  intro?: ReactNode;
  fields: readonly FormField[];
  submit: string;
  /** Sends what was entered; what it throws is shown. */
  onSubmit: (values: Readonly<Record<string, string>>) => Promise<void>;
  /** Shown instead of the form once it was sent. */
  done?: ReactNode;
  below?: ReactNode;
}

/** A form of the pages before the sign-in: what the gateway refuses stands at the field it refused. */
export function SessionForm({ title, intro, fields, submit, onSubmit, done, below }: FormProps) {
  const sending = useMutation({ mutationFn: onSubmit });
  const problems = problemsOf(sending.error, fields.map((field) => field.name));
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    sending.mutate(Object.fromEntries(fields.map(({ name }) => [name, String(form.get(name) ?? "")])));
  }
  return (
    <>
      <h1 className="text-xl font-semibold">{title}</h1>
      {intro ? <div className="mt-1 text-sm text-muted">{intro}</div> : null}
      {sending.isSuccess && done ? (
        <div role="status" className="mt-4 text-sm">
          {done}
        </div>
      ) : (
        <form onSubmit={send} noValidate className="mt-5 grid gap-4">
          {fields.map(({ name, label, type = "text", autoComplete, hint, optional }) => (
            <Field
              key={name}
              name={name}
              label={label}
              type={type}
              required={!optional}
              {...(autoComplete ? { autoComplete } : {})}
              {...(hint ? { hint } : {})}
              error={problems.at[name]}
            />
          ))}
          <FormError error={problems.general} />
          <Button type="submit" variant="primary" size="lg" disabled={sending.isPending || (sending.isSuccess && !done)}>
            {submit}
          </Button>
        </form>
      )}
      {below ? <div className="mt-5 grid gap-2 border-t border-line pt-4 text-sm text-muted">{below}</div> : null}
    </>
  );
}
