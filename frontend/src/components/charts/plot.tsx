"use client";

import { pathRound } from "d3-path";
import { area, line, type Series as D3Series, type SeriesPoint, stack } from "d3-shape";
import { memo, type PointerEvent, type RefObject, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { ChartProps, Point, Series } from "@/components/charts/chart";
import { type Across, across, axisTicks, bucketNames, bucketOf } from "@/components/charts/scale";
import { cn } from "@/lib/cn";
import { formatTimestamp } from "@/lib/format";

/** Pixels that a sign of the vertical axis takes, and those beside it. */
const SIGN = 6.3;
const BESIDE = 14;
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
  const shapes = useMemo(() => shapesOf({ points, series, kind }), [points, series, kind]);
  const left = BESIDE + SIGN * Math.max(...shapes.ticks.map((tick) => format(tick).length));
  const x = useMemo(() => across(points.length, Math.max(1, width - left - RIGHT), kind === "bar"), [points.length, width, left, kind]);

  const indexOf = (event: PointerEvent) => x.indexAt(event.clientX - (frame.current?.getBoundingClientRect().left ?? 0) - left);
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
        {at === null ? null : <Marked x={x} origin={left} from={at} to={at} height={height} fill={x.isBanded ? "var(--raised)" : "var(--line-strong)"} />}
        {width === 0 ? null : <Drawing points={points} kind={kind} format={format} shapes={shapes} x={x} left={left} height={height} />}
        {at === null || dragFrom === null ? null : <Marked x={x} origin={left} from={dragFrom} to={at} height={height} fill="var(--accent)" fillOpacity={0.15} />}
      </svg>
      {at === null ? null : <Hover point={points[at]} series={series} format={format} left={left + x.at(at)} width={width} />}
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

/** What a series is drawn of: lines over the others, which are stacked. */
interface Shapes {
  stacks: readonly D3Series<Point, Series>[];
  lines: readonly Series[];
  ticks: readonly number[];
}

function shapesOf({ points, series, kind }: Pick<ChartProps, "points" | "series" | "kind">): Shapes {
  const isLine = (item: Series) => kind === "line" || item.dashed === true;
  // A gap has no height in a stack.
  const stacks = stack<unknown, Point, Series>()
    .keys(series.filter((item) => !isLine(item)))
    .value(({ values }, { key }) => values[key] ?? 0)([...points]);
  const lines = series.filter(isLine);
  const most = Math.max(0, ...(stacks.at(-1) ?? []).map(([, end]) => end), ...lines.flatMap(({ key }) => points.map(({ values }) => values[key] ?? 0)));
  return { stacks, lines, ticks: axisTicks(most) };
}

type DrawingProps = Pick<ChartProps, "points" | "kind" | "format"> & { shapes: Shapes; x: Across; left: number; height: number };

/** Axes and series, which stay while the pointer moves. */
const Drawing = memo(function Drawing({ points, kind, format, shapes: { stacks, lines, ticks }, x, left, height }: DrawingProps) {
  const floor = height - BOTTOM;
  const y = (value: number) => floor - (value / (ticks.at(-1) ?? 1)) * (floor - TOP);
  const names = bucketNames(points.map(({ time }) => time), bucketOf(points), x, NAME_ROOM);
  const band = area<SeriesPoint<Point>>((_, index) => x.at(index), ([from]) => y(from), ([, to]) => y(to));
  const curve = (key: string) =>
    line<Point>((_, index) => x.at(index), ({ values }) => y(values[key] ?? 0))
      .defined(({ values }) => values[key] !== null && values[key] !== undefined)(points) ?? undefined;
  return (
    <g fontSize={11} fill="var(--muted)" transform={`translate(${left} 0)`}>
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
      {stacks.map((one) =>
        kind === "bar" ? (
          <path key={one.key.key} d={barsPath(one, x, y)} fill={one.key.colour} />
        ) : (
          <path key={one.key.key} d={band(one) ?? undefined} fill={one.key.colour} fillOpacity={0.75} />
        ),
      )}
      {lines.map(({ key, colour, dashed }) => (
        <path
          key={key}
          d={curve(key)}
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

/** All bars of a series as one path: a hundred elements take longer to draw. */
function barsPath(values: readonly SeriesPoint<Point>[], x: Across, y: (value: number) => number): string {
  const width = Math.min(WIDEST_BAR, x.step * 0.8);
  const bars = pathRound(1);
  values.forEach(([from, to], index) => {
    if (from !== to) bars.rect(x.at(index) - width / 2, y(to), width, y(from) - y(to));
  });
  return bars.toString();
}

/** Marks buckets, both ends included: whole ones where they have a width. */
function Marked({ x, origin, from, to, height, ...look }: { x: Across; origin: number; from: number; to: number; height: number; fill: string; fillOpacity?: number }) {
  const edge = x.isBanded ? x.step / 2 : 0;
  const left = x.at(Math.min(from, to)) - edge;
  // What is a point is marked by a line of its own width.
  const width = Math.max(1, x.at(Math.max(from, to)) + edge - left);
  return <rect x={origin + left} width={width} y={TOP} height={height - TOP - BOTTOM} {...look} />;
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
