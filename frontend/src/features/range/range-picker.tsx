"use client";

import { CalendarRange, ChevronDown } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Popover, PopoverContent, PopoverTrigger } from "@/components/ui/popover";
import { Skeleton } from "@/components/ui/skeleton";
import { RANGE_LABELS, RANGES, useRange } from "@/features/range/range";
import { cn } from "@/lib/cn";
import { formatTime } from "@/lib/format";

// Loaded by those who open the choice; the usual ranges are there at once.
const RangeMore = dynamic(() => import("@/features/range/range-more").then((module) => module.RangeMore), {
  ssr: false,
  loading: () => <Skeleton className="mt-3 h-48" />,
});

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
        <RangeMore
          from={state.from}
          to={state.to}
          onChange={(from, to) => {
            void setState({ range: null, from, to });
            setOpen(false);
          }}
          {...(comparable ? { compare: state.compare, onCompare: (compare) => void setState({ compare }) } : {})}
        />
      </PopoverContent>
    </Popover>
  );
}
