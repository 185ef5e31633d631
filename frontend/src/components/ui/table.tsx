import type { ComponentProps } from "react";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";

/** A table that scrolls by itself where the screen is too narrow for it; positioned, so that names for listeners scroll with it. */
export function Table({ label, className, children }: { label: string; className?: string; children: ComponentProps<"table">["children"] }) {
  return (
    <div role="region" aria-label={label} tabIndex={0} className="relative overflow-x-auto">
      <table className={cn("w-full text-sm", className)}>{children}</table>
    </div>
  );
}

export function HeadCell({ className, ...props }: ComponentProps<"th">) {
  return <th scope="col" className={cn("h-8 px-3 text-left text-xs font-medium whitespace-nowrap text-muted first:pl-0 last:pr-0", className)} {...props} />;
}

export function Row({ className, ...props }: ComponentProps<"tr">) {
  return <tr className={cn("border-t border-line", className)} {...props} />;
}

export function Cell({ className, ...props }: ComponentProps<"td">) {
  return <td className={cn("h-9 px-3 whitespace-nowrap first:pl-0 last:pr-0", className)} {...props} />;
}

/** Holds the place of a table until its rows are there. */
export function TableSkeleton({ rows }: { rows: number }) {
  return (
    <div className="pt-8">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className="flex h-9 items-center border-t border-line">
          <Skeleton className="h-4 w-full" />
        </div>
      ))}
    </div>
  );
}
