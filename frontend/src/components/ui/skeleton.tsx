import { cn } from "@/lib/cn";

/** Holds the place, and the shape, of what comes. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={cn("animate-pulse rounded-md bg-raised", className)} />;
}
