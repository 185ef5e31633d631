"use client";

import { type FormEvent, useState } from "react";
import { problemsOf } from "@/api/errors";
import type { useCreateExport } from "@/api/operations";
import { Link } from "@/components/link";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { DialogClose } from "@/components/ui/dialog";
import { SelectField } from "@/components/ui/select-field";
import { CHOSEN, exportBody, type ExportFormat, FORMATS, rangeOptions } from "@/features/exports/download";
import { ExportState } from "@/features/exports/export-state";
import type { Scope } from "@/features/range/range";

interface ExportStepsProps {
  scope: Scope;
  filter: Record<string, unknown> | null;
  q: string | null;
  create: ReturnType<typeof useCreateExport>;
  onClose: () => void;
}

/** What an export is to hold, and then the file. */
export function ExportSteps({ onClose, ...form }: ExportStepsProps) {
  const { data } = form.create;
  if (data === undefined) return <ExportForm {...form} />;
  return (
    <div className="grid gap-4">
      <ExportState exportId={data.id} />
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-sm text-muted">
          You may close this; the file is found under{" "}
          <Link href="/jobs" className="text-accent hover:underline" onClick={onClose}>
            Jobs
          </Link>{" "}
          too.
        </p>
        <DialogClose asChild>
          <Button>Close</Button>
        </DialogClose>
      </div>
    </div>
  );
}

function ExportForm({ scope, filter, q, create }: Omit<ExportStepsProps, "onClose">) {
  const [format, setFormat] = useState<ExportFormat>("csv");
  const [choice, setChoice] = useState<string>(scope.from === undefined ? (scope.range ?? "24h") : CHOSEN);
  const problems = problemsOf(create.error, []);
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    create.mutate(exportBody(format, choice, scope, filter, q));
  }
  return (
    <form onSubmit={send} className="grid gap-4">
      <SelectField label="Range" value={choice} options={rangeOptions(scope)} onChange={setChoice} />
      <fieldset className="grid gap-2">
        <legend className="mb-1.5 text-sm font-medium">Format</legend>
        {FORMATS.map(({ value, label, note }) => (
          <label key={value} className="flex items-start gap-2.5 text-sm">
            <input type="radio" name="format" value={value} checked={format === value} onChange={() => setFormat(value)} className="mt-0.5 size-4 accent-accent" />
            <span>
              {label}
              <span className="block text-xs text-muted">{note}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <FormError error={problems.general} />
      <div className="flex justify-end">
        <Button type="submit" variant="primary" disabled={create.isPending}>
          {create.isPending ? "Asking…" : "Export"}
        </Button>
      </div>
    </form>
  );
}
