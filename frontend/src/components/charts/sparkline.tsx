interface SparklineProps {
  /** In order; null is a gap. */
  values: readonly (number | null)[];
  className?: string;
  colour?: string;
}

const WIDTH = 100;
const HEIGHT = 28;
const EDGE = 2;
const MOST_POINTS = 30;

/** Fewer values that go the same way: the means of equal parts; a part of gaps stays one. */
export function thinned(values: readonly (number | null)[], most = MOST_POINTS): (number | null)[] {
  if (values.length <= most) return [...values];
  return Array.from({ length: most }, (_, part) => {
    const from = Math.floor((part * values.length) / most);
    const known = values.slice(from, Math.floor(((part + 1) * values.length) / most)).filter((value) => value !== null);
    return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
  });
}

/** The points of a line as an SVG path, in a box of 100 by 28; gaps stay open. */
export function sparkPath(values: readonly (number | null)[]): string {
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return "";
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const step = WIDTH / (values.length - 1);
  let path = "";
  let isOpen = false;
  values.forEach((value, index) => {
    if (value === null) {
      isOpen = false;
      return;
    }
    const x = (index * step).toFixed(1);
    const y = (HEIGHT - EDGE - ((value - low) / span) * (HEIGHT - 2 * EDGE)).toFixed(1);
    path += `${isOpen ? "L" : "M"}${x} ${y}`;
    isOpen = true;
  });
  return path;
}

/** How a figure went; what it says is in the figure beside it. */
export function Sparkline({ values, className, colour = "var(--accent)" }: SparklineProps) {
  const path = sparkPath(thinned(values));
  return (
    <svg aria-hidden viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className={className}>
      {path ? <path d={path} fill="none" stroke={colour} strokeWidth={1.5} vectorEffect="non-scaling-stroke" strokeLinejoin="round" /> : null}
    </svg>
  );
}
