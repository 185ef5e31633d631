"use client";

import { Check, ChevronDown } from "lucide-react";
import { Select as Primitive } from "radix-ui";
import { cn } from "@/lib/cn";

export interface Option<Value extends string> {
  value: Value;
  label: string;
}

export interface SelectProps<Value extends string> {
  label: string;
  value: Value;
  options: readonly Option<Value>[];
  onChange: (value: Value) => void;
  className?: string;
  id?: string;
  disabled?: boolean;
}

export function Select<Value extends string>({ label, value, options, onChange, className, id, disabled = false }: SelectProps<Value>) {
  return (
    <Primitive.Root value={value} disabled={disabled} onValueChange={(next) => onChange(next as Value)}>
      <Primitive.Trigger
        id={id}
        aria-label={label}
        className={cn(
          "inline-flex h-8 items-center justify-between gap-1.5 rounded-md border border-line-strong bg-surface px-2.5 text-sm hover:bg-raised disabled:opacity-60",
          className,
        )}
      >
        <Primitive.Value />
        <ChevronDown className="size-3.5 text-muted" aria-hidden />
      </Primitive.Trigger>
      <Primitive.Portal>
        <Primitive.Content
          position="popper"
          sideOffset={4}
          className="animate-appear z-50 max-h-80 min-w-(--radix-select-trigger-width) overflow-hidden rounded-lg border border-line bg-surface p-1 shadow-md"
        >
          <Primitive.Viewport>
            {options.map((option) => (
              <Primitive.Item
                key={option.value}
                value={option.value}
                className="flex h-8 items-center justify-between gap-4 rounded-md px-2 text-sm select-none focus-visible:-outline-offset-2 data-highlighted:bg-raised"
              >
                <Primitive.ItemText>{option.label}</Primitive.ItemText>
                <Primitive.ItemIndicator>
                  <Check className="size-3.5" aria-hidden />
                </Primitive.ItemIndicator>
              </Primitive.Item>
            ))}
          </Primitive.Viewport>
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
