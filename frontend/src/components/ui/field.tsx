import { type ComponentProps, type ReactNode, useId } from "react";
import { cn } from "@/lib/cn";

export const inputClass =
  "h-8 w-full rounded-md border border-line-strong bg-surface px-2.5 text-sm text-text placeholder:text-faint disabled:opacity-60 aria-invalid:border-bad";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return <input className={cn(inputClass, className)} {...props} />;
}

export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return <textarea className={cn(inputClass, "h-auto min-h-20 py-2", className)} {...props} />;
}

interface FrameProps {
  label: string;
  hint?: ReactNode;
  /** What is wrong with the value, null when nothing is known to be. */
  error?: string | null | undefined;
  className?: string | undefined;
}

/** A label, what it names, and below it what helps or what is wrong. */
export function FieldFrame({ id, label, hint, error, className, children }: FrameProps & { id: string; children: ReactNode }) {
  const note = error ?? hint;
  return (
    <div className={cn("grid content-start gap-1.5", className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children}
      {note ? (
        <p id={`${id}-note`} className={cn("text-xs", error ? "text-bad" : "text-muted")}>
          {note}
        </p>
      ) : null}
    </div>
  );
}

/** What ties an input to the note below it. */
function described(id: string, { hint, error }: FrameProps) {
  return { id, "aria-invalid": error ? true : undefined, "aria-describedby": (error ?? hint) ? `${id}-note` : undefined };
}

export function Field({ label, hint, error, className, ...props }: FrameProps & Omit<ComponentProps<"input">, "id">) {
  const id = useId();
  const frame = { label, hint, error, className };
  return (
    <FieldFrame id={id} {...frame}>
      <Input {...described(id, frame)} {...props} />
    </FieldFrame>
  );
}

export function TextareaField({ label, hint, error, className, ...props }: FrameProps & Omit<ComponentProps<"textarea">, "id">) {
  const id = useId();
  const frame = { label, hint, error, className };
  return (
    <FieldFrame id={id} {...frame}>
      <Textarea {...described(id, frame)} {...props} />
    </FieldFrame>
  );
}
