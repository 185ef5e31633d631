"use client";

import { CalendarRange, ChevronDown } from "lucide-react";
import { Switch } from "radix-ui";
import { type FormEvent, useId, useState } from "react";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Popover, PopoverContent, PopoverTrigger } from "@/components/ui/popover";
import { RANGE_LABELS, RANGES, useRange } from "@/features/range/range";
import { cn } from "@/lib/cn";
import { formatTime } from "@/lib/format";

interface RangePickerProps {
  /** Whether the page can draw the period before. */
  comparable: boolean;
}

/** Chooses the range that the whole page is about. */
export function RangePicker({ comparable }: RangePickerProps) {
  const { state, setState } = useRange();
  const [open, setOpen] = useState(false);
  const label =
    state.from === null ? RANGE_LABELS[state.range] : `${formatTime(state.from)} – ${state.to === null ? "now" : formatTime(state.to)}`;
  const compares = comparable && state.compare;
  return (
    <Popover open={open} onOpenChange={setOpen}>
      <PopoverTrigger asChild>
        <Button aria-label={`Time range: ${label}${compares ? ", compared with the period before" : ""}`}>
          <CalendarRange aria-hidden className="text-muted" />
          <span className="max-w-48 truncate">{label}</span>
          {compares ? <span className="hidden text-muted sm:inline">vs before</span> : null}
          <ChevronDown aria-hidden className="text-muted" />
        </Button>
      </PopoverTrigger>
      <PopoverContent align="end" className="w-72">
        <ul className="grid grid-cols-2 gap-1">
          {RANGES.map((name) => (
            <li key={name}>
              <button
                type="button"
                aria-pressed={state.from === null && state.range === name}
                className={cn(
                  "h-8 w-full rounded-md px-2 text-left text-sm hover:bg-raised aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-accent",
                )}
                onClick={() => {
                  void setState({ range: name, from: null, to: null });
                  setOpen(false);
                }}
              >
                {RANGE_LABELS[name]}
              </button>
            </li>
          ))}
        </ul>
        <CustomRange
          from={state.from}
          to={state.to}
          onChange={(from, to) => {
            void setState({ range: null, from, to });
            setOpen(false);
          }}
        />
        {comparable ? <CompareSwitch isOn={state.compare} onChange={(compare) => void setState({ compare })} /> : null}
      </PopoverContent>
    </Popover>
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

function CustomRange({ from, to, onChange }: { from: string | null; to: string | null; onChange: (from: string, to: string | null) => void }) {
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
export function toLocalInput(value: string | null): string {
  if (value === null) return "";
  const date = new Date(value);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
