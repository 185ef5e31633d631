import type { ReactNode } from "react";

/** Facts side by side, each below its name. */
export function StatStrip({ items }: { items: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-2 rounded-lg border border-line bg-surface p-4 text-sm">
      {items.map(([name, value]) => (
        <div key={name} className="min-w-0">
          <dt className="text-xs text-muted">{name}</dt>
          <dd className="tabular mt-0.5 max-w-xs truncate">{value === "" ? "–" : value}</dd>
        </div>
      ))}
    </dl>
  );
}
