"use client";

import { Switch } from "radix-ui";
import { type FormEvent, useId, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";

interface RangeMoreProps {
  from: string | null;
  to: string | null;
  onChange: (from: string, to: string | null) => void;
  /** Whether the period before is drawn too; undefined where it cannot be. */
  compare?: boolean;
  onCompare?: (compare: boolean) => void;
}

/** A range between two times of one's own, and whether the period before is drawn too. */
export function RangeMore({ compare, onCompare, ...range }: RangeMoreProps) {
  return (
    <>
      <CustomRange {...range} />
      {compare !== undefined && onCompare ? <CompareSwitch isOn={compare} onChange={onCompare} /> : null}
    </>
  );
}

function CompareSwitch({ isOn, onChange }: { isOn: boolean; onChange: (isOn: boolean) => void }) {
  const id = useId();
  return (
    <div className="mt-3 flex items-center justify-between gap-3 border-t border-line pt-3">
      <label htmlFor={id} className="text-sm">
        Compare with the period before
      </label>
      <Switch.Root
        id={id}
        checked={isOn}
        onCheckedChange={onChange}
        className="h-5 w-9 shrink-0 rounded-full border border-line-strong bg-raised p-px data-[state=checked]:border-accent data-[state=checked]:bg-accent"
      >
        <Switch.Thumb className="block size-4 rounded-full bg-muted transition-transform data-[state=checked]:translate-x-4 data-[state=checked]:bg-on-accent" />
      </Switch.Root>
    </div>
  );
}

function CustomRange({ from, to, onChange }: Pick<RangeMoreProps, "from" | "to" | "onChange">) {
  const [error, setError] = useState<string | null>(null);
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const start = new Date(String(form.get("from")));
    const end = form.get("to") ? new Date(String(form.get("to"))) : null;
    if (Number.isNaN(start.getTime())) setError("Name the start.");
    else if (end !== null && end <= start) setError("The end must come after the start.");
    else onChange(start.toISOString(), end?.toISOString() ?? null);
  }
  return (
    <form onSubmit={submit} className="mt-3 grid gap-2 border-t border-line pt-3">
      <Field label="From" name="from" type="datetime-local" defaultValue={toLocalInput(from)} error={error} />
      <Field label="To" name="to" type="datetime-local" defaultValue={toLocalInput(to)} hint="Now, if left empty" />
      <Button type="submit">Apply</Button>
    </form>
  );
}

/** A time as inputs of browsers take it: in the viewer's zone, without it. */
function toLocalInput(value: string | null): string {
  if (value === null) return "";
  const date = new Date(value);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
