"use client";

import { ChartColumn, Table2 } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { bucketOf } from "@/components/charts/scale";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";
import { formatTick, formatTimestamp } from "@/lib/format";

export interface Series {
  key: string;
  label: string;
  colour: string;
  /** Drawn as a dashed line over the others, such as a period before. */
  dashed?: boolean;
}

/** One bucket: when it starts, and a number a series; null is a gap and not 0. */
export interface Point {
  time: string;
  values: Readonly<Record<string, number | null>>;
}

export interface ChartProps {
  /** What the chart shows, for those who do not see it. */
  label: string;
  points: readonly Point[];
  series: readonly Series[];
  /** Areas and bars are stacked. */
  kind: "area" | "bar" | "line";
  format: (value: number | null) => string;
  height?: number;
  /** Called with start and end of the range that was drawn over. */
  onSelect?: (from: string, to: string) => void;
}

// What draws is needed by no page to show its numbers.
const Plot = dynamic(() => import("@/components/charts/plot").then((module) => module.Plot), {
  ssr: false,
  loading: () => <Skeleton className="h-full" />,
});

/** A chart over time with its legend, and the same as a table. */
export function Chart(props: ChartProps) {
  const { label, points, series, format, height = 220 } = props;
  const [asTable, setAsTable] = useState(false);
  return (
    <figure className="min-w-0">
      <figcaption className="mb-2 flex min-h-7 flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
        {series.map(({ key, label: name, colour, dashed }) => (
          <span key={key} className="inline-flex min-w-0 items-center gap-1.5">
            <span
              aria-hidden
              className={cn("inline-block h-0.5 w-4 shrink-0", !dashed && "h-2 w-2 rounded-xs")}
              style={{ background: dashed ? `repeating-linear-gradient(90deg, ${colour} 0 4px, transparent 4px 6px)` : colour }}
            />
            <span className="max-w-40 truncate">{name}</span>
          </span>
        ))}
        <Button
          variant="ghost"
          size="icon-sm"
          className="ml-auto"
          aria-label={asTable ? `${label}: show as chart` : `${label}: show as table`}
          onClick={() => setAsTable(!asTable)}
        >
          {asTable ? <ChartColumn aria-hidden /> : <Table2 aria-hidden />}
        </Button>
      </figcaption>
      {asTable ? (
        <div className="overflow-auto" style={{ height }} tabIndex={0} role="region" aria-label={`${label}, table`}>
          <table className="w-full text-sm">
            <thead className="sticky top-0 bg-surface text-left text-xs text-muted">
              <tr>
                <th scope="col" className="py-1 pr-3 font-medium">
                  Time
                </th>
                {series.map(({ key, label: name }) => (
                  <th key={key} scope="col" className="py-1 pl-3 text-right font-medium">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.map(({ time, values }) => (
                <tr key={time} className="border-t border-line">
                  <th scope="row" className="py-1 pr-3 text-left font-normal whitespace-nowrap" title={formatTimestamp(time)}>
                    {formatTick(time, bucketOf(points))}
                  </th>
                  {series.map(({ key }) => (
                    <td key={key} className="py-1 pl-3 text-right">
                      {format(values[key] ?? null)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <div role="img" aria-label={summaryOf(props)} style={{ height }}>
          <Plot {...props} height={height} />
        </div>
      )}
    </figure>
  );
}

/** What a chart says in one sentence: the range of times, and the last value of each series. */
export function summaryOf({ label, points, series, format }: ChartProps): string {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return `${label}: no data`;
  const values = series.map(({ key, label: name }) => {
    const latest = points.findLast((point) => point.values[key] !== null && point.values[key] !== undefined);
    return `${name} ${format(latest?.values[key] ?? null)}`;
  });
  return `${label}, ${formatTimestamp(first.time)} to ${formatTimestamp(last.time)}; last: ${values.join(", ")}`;
}
