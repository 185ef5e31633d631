import { Skeleton } from "@/components/ui/skeleton";

/** Holds the place of a table of as many rows. */
export function TableSkeleton({ rows = 8 }: { rows?: number }) {
  return (
    <div className="grid gap-2">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} className="h-7" />
      ))}
    </div>
  );
}
