import { Skeleton } from "@/components/ui/skeleton";

/** Holds the place of a table until its rows are there. */
export function TableSkeleton({ rows = 8 }: { rows?: number }) {
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
