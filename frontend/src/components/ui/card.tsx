import type { ReactNode } from "react";
import { cn } from "@/lib/cn";

interface CardProps {
  title?: ReactNode;
  /** What stands beside the title: a choice, a link. */
  aside?: ReactNode;
  className?: string;
  children: ReactNode;
}

/** A region of a page with its heading. */
export function Card({ title, aside, className, children }: CardProps) {
  return (
    <section className={cn("min-w-0 rounded-lg border border-line bg-surface p-4", className)}>
      {title || aside ? (
        <div className="mb-3 flex min-h-7 flex-wrap items-center justify-between gap-2">
          {title ? <h2 className="text-sm font-medium">{title}</h2> : <span />}
          {aside}
        </div>
      ) : null}
      {children}
    </section>
  );
}
