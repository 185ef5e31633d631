import type { ReactNode } from "react";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";

const COLUMNS = {
  6: "grid-cols-2 md:grid-cols-3 xl:grid-cols-6",
  8: "grid-cols-2 md:grid-cols-4 2xl:grid-cols-8",
} as const;

/** The key figures of a page, side by side. */
export function FigureGrid({ count, children }: { count: keyof typeof COLUMNS; children: ReactNode }) {
  return <div className={cn("grid gap-3", COLUMNS[count])}>{children}</div>;
}

export function FigureSkeletons({ count }: { count: keyof typeof COLUMNS }) {
  return (
    <FigureGrid count={count}>
      {Array.from({ length: count }, (_, index) => (
        <Skeleton key={index} className="h-26 rounded-lg" />
      ))}
    </FigureGrid>
  );
}
