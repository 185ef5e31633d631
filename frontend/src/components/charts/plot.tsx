"use client";

import { useState } from "react";
import { Area, Bar, CartesianGrid, ComposedChart, Line, ReferenceArea, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { bucketOf, type ChartProps, type Series } from "@/components/charts/chart";
import { dayTicks, formatDay, formatTick, formatTimestamp } from "@/lib/format";

const AXIS = { stroke: "var(--line-strong)", tick: { fill: "var(--muted)", fontSize: 11 }, tickLine: false, axisLine: false } as const;
const MARGIN = { top: 6, right: 6, bottom: 0, left: 0 };

/** The drawn part of a chart. */
export function Plot({ points, series, kind, stacked = false, format, height = 220, onSelect }: ChartProps) {
  const [drag, setDrag] = useState<{ from: string; to: string } | null>(null);
  const bucket = bucketOf(points);
  const ticks = dayTicks(points.map(({ time }) => time));
  const rows = points.map(({ time, values }) => ({ time, ...values }));
  function select() {
    if (drag && onSelect && drag.from !== drag.to) {
      const [from, to] = [drag.from, drag.to].sort() as [string, string];
      onSelect(from, new Date(new Date(to).getTime() + bucket).toISOString());
    }
    setDrag(null);
  }
  return (
    <ResponsiveContainer width="100%" height={height} initialDimension={{ width: 600, height }}>
      <ComposedChart
        data={rows}
        margin={MARGIN}
        accessibilityLayer={false}
        barCategoryGap="10%"
        {...(onSelect
          ? {
              onMouseDown: ({ activeLabel }) => activeLabel !== undefined && setDrag({ from: String(activeLabel), to: String(activeLabel) }),
              onMouseMove: ({ activeLabel }) => drag && activeLabel !== undefined && setDrag({ ...drag, to: String(activeLabel) }),
              onMouseUp: select,
              onMouseLeave: () => setDrag(null),
              style: { cursor: "crosshair" },
            }
          : {})}
      >
        <CartesianGrid vertical={false} stroke="var(--line)" />
        <XAxis
          dataKey="time"
          {...AXIS}
          {...(ticks ? { ticks } : {})}
          tickFormatter={(time: string) => (ticks ? formatDay(time) : formatTick(time, bucket))} minTickGap={40} height={22} />
        <YAxis {...AXIS} width="auto" tickFormatter={(value: number) => format(value)} tickCount={4} />
        <Tooltip
          isAnimationActive={false}
          cursor={kind === "bar" ? { fill: "var(--raised)" } : { stroke: "var(--line-strong)" }}
          content={({ active, label }) => (active && label !== undefined ? <Hover time={String(label)} points={points} series={series} format={format} /> : null)}
        />
        {series.map((item) => draw(item, item.dashed ? "line" : kind, stacked))}
        {drag ? <ReferenceArea x1={drag.from} x2={drag.to} fill="var(--accent)" fillOpacity={0.15} /> : null}
      </ComposedChart>
    </ResponsiveContainer>
  );
}

function draw({ key, colour, dashed }: Series, kind: ChartProps["kind"], stacked: boolean) {
  const common = { dataKey: key, isAnimationActive: false } as const;
  const stack = stacked ? { stackId: "all" } : {};
  if (kind === "bar") return <Bar key={key} {...common} {...stack} fill={colour} maxBarSize={28} />;
  if (kind === "area") {
    // Lines of stacked areas that are empty would cover those below them.
    const look = stacked ? { stroke: "none", fillOpacity: 0.75 } : { stroke: colour, fillOpacity: 0.12 };
    return <Area key={key} {...common} {...stack} {...look} strokeWidth={1.5} fill={colour} connectNulls={false} dot={false} />;
  }
  return <Line key={key} {...common} stroke={colour} strokeWidth={1.5} dot={false} connectNulls={false} {...(dashed ? { strokeDasharray: "4 3" } : {})} />;
}

function Hover({ time, points, series, format }: { time: string } & Pick<ChartProps, "points" | "series" | "format">) {
  const point = points.find((candidate) => candidate.time === time);
  if (!point) return null;
  return (
    <div className="rounded-md border border-line bg-surface px-2.5 py-2 text-xs shadow-md">
      <p className="mb-1 text-muted">{formatTimestamp(time)}</p>
      <dl className="grid grid-cols-[auto_auto] gap-x-4 gap-y-0.5">
        {series.map(({ key, label, colour }) => (
          <div key={key} className="contents">
            <dt className="flex max-w-48 items-center gap-1.5 truncate">
              <span aria-hidden className="size-2 shrink-0 rounded-xs" style={{ background: colour }} />
              {label}
            </dt>
            <dd className="tabular text-right font-medium">{format(point.values[key] ?? null)}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
