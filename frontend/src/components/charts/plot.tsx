"use client";

import { memo, type PointerEvent, type RefObject, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { ChartProps, Series } from "@/components/charts/chart";
import { type Across, across, type Band, bucketNames, bucketOf, niceTicks, stacked } from "@/components/charts/scale";
import { cn } from "@/lib/cn";
import { formatTimestamp } from "@/lib/format";

const LEFT = 72;
const RIGHT = 6;
const TOP = 6;
const BOTTOM = 22;
const WIDEST_BAR = 28;
/** Least pixels from one name below the chart to the next. */
const NAME_ROOM = 72;

/** The drawn part of a chart: axes, series, what is under the pointer, and the range that is drawn over. */
export function Plot({ points, series, kind, format, height, onSelect }: Omit<ChartProps, "label"> & { height: number }) {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [at, setAt] = useState<number | null>(null);
  const [dragFrom, setDragFrom] = useState<number | null>(null);
  const x = useMemo(() => across(points.length, Math.max(1, width - LEFT - RIGHT), kind === "bar"), [points.length, width, kind]);

  const indexOf = (event: PointerEvent) => x.indexAt(event.clientX - (frame.current?.getBoundingClientRect().left ?? 0) - LEFT);
  function begin(event: PointerEvent) {
    if (!onSelect || event.button !== 0 || points.length === 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    setDragFrom(indexOf(event));
  }
  function end(event: PointerEvent) {
    setDragFrom(null);
    if (dragFrom === null) return;
    const to = indexOf(event);
    const first = points[Math.min(dragFrom, to)];
    const last = points[Math.max(dragFrom, to)];
    if (first && last && first !== last) onSelect?.(first.time, new Date(new Date(last.time).getTime() + bucketOf(points)).toISOString());
  }

  return (
    <div
      ref={frame}
      className={cn("relative touch-pan-y select-none", onSelect && "cursor-crosshair")}
      style={{ height }}
      onPointerDown={begin}
      onPointerMove={(event) => setAt(points.length === 0 ? null : indexOf(event))}
      onPointerUp={end}
      onPointerCancel={() => setDragFrom(null)}
      onPointerLeave={() => setAt(null)}
    >
      <svg width="100%" height={height} className="block overflow-visible" aria-hidden>
        {at === null ? null : <Marked x={x} from={at} to={at} height={height} fill={x.isBanded ? "var(--raised)" : "var(--line-strong)"} />}
        {width === 0 ? null : <Drawing points={points} series={series} kind={kind} format={format} x={x} height={height} />}
        {at === null || dragFrom === null ? null : <Marked x={x} from={dragFrom} to={at} height={height} fill="var(--accent)" fillOpacity={0.15} />}
      </svg>
      {at === null ? null : <Hover point={points[at]} series={series} format={format} left={LEFT + x.at(at)} width={width} />}
    </div>
  );
}

/** The width of an element in pixels, 0 until it is known. */
function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const { current } = element;
    if (current === null) return;
    const measure = () => setWidth(current.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, [element]);
  return width;
}

type DrawingProps = Pick<ChartProps, "points" | "series" | "kind" | "format"> & { x: Across; height: number };

/** Axes and series, which stay while the pointer moves. */
const Drawing = memo(function Drawing({ points, series, kind, format, x, height }: DrawingProps) {
  const isLine = (item: Series) => kind === "line" || item.dashed === true;
  const piled = series.filter((item) => !isLine(item));
  const stacks = stacked(points, piled);
  const lines = series.filter(isLine).map((item) => ({ item, values: points.map(({ values }) => values[item.key] ?? null) }));
  const ends = [...(stacks.at(-1) ?? []).map(([, end]) => end), ...lines.flatMap(({ values }) => values)];
  const ticks = niceTicks(ends.reduce<number>((most, end) => Math.max(most, end ?? 0), 0));
  const floor = height - BOTTOM;
  const y = (value: number) => floor - (value / (ticks.at(-1) ?? 1)) * (floor - TOP);
  const names = bucketNames(points.map(({ time }) => time), bucketOf(points), x, NAME_ROOM);
  return (
    <g fontSize={11} fill="var(--muted)" transform={`translate(${LEFT} 0)`}>
      {ticks.map((tick) => (
        <g key={tick}>
          <line x1={0} x2={x.width} y1={y(tick)} y2={y(tick)} stroke="var(--line)" />
          <text x={-8} y={y(tick)} dy="0.32em" textAnchor="end">
            {format(tick)}
          </text>
        </g>
      ))}
      {[...names].map(([index, name]) => (
        <text key={index} x={x.at(index)} y={height - 6} textAnchor={x.at(index) < NAME_ROOM / 3 ? "start" : x.at(index) > x.width - NAME_ROOM / 3 ? "end" : "middle"}>
          {name}
        </text>
      ))}
      {piled.map(({ key, colour }, index) => {
        const band = stacks[index] ?? [];
        return kind === "bar" ? (
          <path key={key} d={barsPath(band, x, y)} fill={colour} />
        ) : (
          <path key={key} d={areaPath(band, x, y)} fill={colour} fillOpacity={0.75} />
        );
      })}
      {lines.map(({ item: { key, colour, dashed }, values }) => (
        <path
          key={key}
          d={linePath(values, x, y)}
          fill="none"
          stroke={colour}
          strokeWidth={1.5}
          strokeLinejoin="round"
          strokeLinecap="round"
          strokeDasharray={dashed ? "4 3" : undefined}
        />
      ))}
    </g>
  );
});

type ToPixels = (value: number) => number;

const round = (pixels: number) => Math.round(pixels * 10) / 10;

function barsPath(band: Band, x: Across, y: ToPixels): string {
  const width = Math.min(WIDEST_BAR, x.step * 0.8);
  return band
    .map(([from, to], index) => (from === to ? "" : `M${round(x.at(index) - width / 2)} ${round(y(from))}V${round(y(to))}h${round(width)}V${round(y(from))}z`))
    .join("");
}

function areaPath(band: Band, x: Across, y: ToPixels): string {
  const edge = (side: 0 | 1) => band.map((part, index) => `${round(x.at(index))} ${round(y(part[side]))}`);
  return band.length === 0 ? "" : `M${edge(1).join("L")}L${edge(0).reverse().join("L")}z`;
}

function linePath(values: readonly (number | null)[], x: Across, y: ToPixels): string {
  let path = "";
  let isOpen = false;
  values.forEach((value, index) => {
    // A line of no length is a dot: a value between gaps is seen.
    if (value !== null) path += isOpen ? `L${round(x.at(index))} ${round(y(value))}` : `M${round(x.at(index))} ${round(y(value))}h0`;
    isOpen = value !== null;
  });
  return path;
}

/** Marks buckets, both ends included: whole ones where they have a width. */
function Marked({ x, from, to, height, ...look }: { x: Across; from: number; to: number; height: number; fill: string; fillOpacity?: number }) {
  const edge = x.isBanded ? x.step / 2 : 0;
  const left = x.at(Math.min(from, to)) - edge;
  // What is a point is marked by a line of its own width.
  const width = Math.max(1, x.at(Math.max(from, to)) + edge - left);
  return <rect x={LEFT + left} width={width} y={TOP} height={height - TOP - BOTTOM} {...look} />;
}

type HoverProps = Pick<ChartProps, "series" | "format"> & { point: ChartProps["points"][number] | undefined; left: number; width: number };

/** What the bucket under the pointer holds, on the side where there is room. */
function Hover({ point, series, format, left, width }: HoverProps) {
  if (!point) return null;
  const side = left > width / 2 ? { right: width - left + 10 } : { left: left + 10 };
  return (
    <div className="pointer-events-none absolute top-2 z-10 rounded-md border border-line bg-surface px-2.5 py-2 text-xs whitespace-nowrap shadow-md" style={side}>
      <p className="mb-1 text-muted">{formatTimestamp(point.time)}</p>
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
