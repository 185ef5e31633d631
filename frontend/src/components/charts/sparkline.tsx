interface SparklineProps {
  /** In order; null is a gap. */
  values: readonly (number | null)[];
  className?: string;
  colour?: string;
}

const WIDTH = 100;
const HEIGHT = 28;
const EDGE = 2;

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
  const path = sparkPath(values);
  return (
    <svg aria-hidden viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" className={className}>
      {path ? <path d={path} fill="none" stroke={colour} strokeWidth={1.5} vectorEffect="non-scaling-stroke" strokeLinejoin="round" /> : null}
    </svg>
  );
}
