"use client";

import { ToggleGroup } from "radix-ui";
import type { Option } from "@/components/ui/select";

interface SegmentedProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly Option<Value>[];
  onChange: (value: Value) => void;
}

/** A choice between a few, all of which are seen. */
export function Segmented<Value extends string>({ label, value, options, onChange }: SegmentedProps<Value>) {
  return (
    <ToggleGroup.Root
      type="single"
      aria-label={label}
      value={value}
      // Pressing what is chosen would choose nothing.
      onValueChange={(next) => next !== "" && onChange(next as Value)}
      className="inline-flex max-w-full overflow-x-auto rounded-md border border-line bg-raised p-0.5"
    >
      {options.map((option) => (
        <ToggleGroup.Item
          key={option.value}
          value={option.value}
          className="h-5.5 rounded-sm px-2 text-xs whitespace-nowrap text-muted hover:text-text data-[state=on]:bg-surface data-[state=on]:font-medium data-[state=on]:text-text data-[state=on]:shadow-xs"
        >
          {option.label}
        </ToggleGroup.Item>
      ))}
    </ToggleGroup.Root>
  );
}
