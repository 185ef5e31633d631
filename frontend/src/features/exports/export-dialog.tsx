"use client";

import { Download } from "lucide-react";
import Link from "next/link";
import { type FormEvent, type ReactNode, useState } from "react";
import { useCreateExport } from "@/api/operations";
import { problemsOf } from "@/api/errors";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose } from "@/components/ui/dialog";
import { SelectField } from "@/components/ui/select-field";
import { CHOSEN, exportBody, type ExportFormat, FORMATS, rangeOptions } from "@/features/exports/download";
import { ExportState } from "@/features/exports/export-state";
import type { Scope } from "@/features/range/range";

interface ExportDialogProps {
  /** The range that is proposed; environments and agents belong into the filter. */
  scope: Scope;
  /** A filter tree as a search of traces takes it. */
  filter?: Record<string, unknown> | null;
  /** Words that the traces contain. */
  q?: string | null;
  trigger?: ReactNode;
}

/** Has traces written to a file, and hands it out when it is there. */
export function ExportDialog({ scope, filter = null, q = null, trigger }: ExportDialogProps) {
  const [isOpen, setOpen] = useState(false);
  const create = useCreateExport();
  function show(open: boolean) {
    setOpen(open);
    create.reset();
  }
  return (
    <Dialog
      title="Export traces"
      description={filter || q ? "Writes the traces that fit the filters to a file, the oldest first." : "Writes all traces of the range to a file, the oldest first."}
      open={isOpen}
      onOpenChange={show}
      trigger={
        trigger ?? (
          <Button>
            <Download aria-hidden />
            Export traces
          </Button>
        )
      }
    >
      {create.data ? (
        <div className="grid gap-4">
          <ExportState exportId={create.data.id} />
          <div className="flex flex-wrap items-center justify-between gap-3">
            <p className="text-sm text-muted">
              You may close this; the file is found under{" "}
              <Link href="/jobs" className="text-accent hover:underline" onClick={() => show(false)}>
                Jobs
              </Link>{" "}
              too.
            </p>
            <DialogClose asChild>
              <Button>Close</Button>
            </DialogClose>
          </div>
        </div>
      ) : (
        <ExportForm scope={scope} filter={filter} q={q} create={create} />
      )}
    </Dialog>
  );
}

interface ExportFormProps {
  scope: Scope;
  filter: Record<string, unknown> | null;
  q: string | null;
  create: ReturnType<typeof useCreateExport>;
}

function ExportForm({ scope, filter, q, create }: ExportFormProps) {
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
