import { ArrowDownRight, ArrowRight, ArrowUpRight } from "lucide-react";
import type { ReactNode } from "react";
import type { Figure } from "@/api/schema";
import { Sparkline } from "@/components/charts/sparkline";
import { Link } from "@/components/link";
import { Tooltip } from "@/components/ui/tooltip";
import { cn } from "@/lib/cn";
import { formatChange } from "@/lib/format";

interface FigureCardProps {
  label: string;
  figure: Figure;
  format: (value: number | null) => string;
  /** Which way is good; neither for figures that merely differ. */
  better?: "up" | "down" | "neither";
  trend?: readonly (number | null)[];
  href?: string;
  note?: string;
}

/** A key figure with its change against the period before, and how it went. */
export function FigureCard({ label, figure, format, better = "neither", trend, href, note }: FigureCardProps) {
  return (
    <Frame label={label} value={format(figure.value)} href={href}>
      <div className="mt-1 flex min-h-7 items-end justify-between gap-2">
        <ChangeText figure={figure} format={format} better={better} />
        {trend ? <Sparkline values={trend} className="h-7 w-20 shrink-0" /> : null}
      </div>
      {note ? <p className="mt-1 truncate text-xs text-muted">{note}</p> : null}
    </Frame>
  );
}

interface FactCardProps {
  label: string;
  value: string;
  /** What there is to know about it. */
  note: ReactNode;
  href?: string;
}

/** A key figure that has no period before. */
export function FactCard({ label, value, note, href }: FactCardProps) {
  return (
    <Frame label={label} value={value} href={href}>
      <div className="mt-1 flex min-h-7 items-end text-xs text-muted">{note}</div>
    </Frame>
  );
}

function Frame({ label, value, href, children }: Pick<FactCardProps, "label" | "value"> & { href: string | undefined; children: ReactNode }) {
  return (
    <div className="relative min-w-0 rounded-lg border border-line bg-surface p-3 has-[a:hover]:border-line-strong">
      <p className="truncate text-xs text-muted">
        {href ? (
          <Link href={href} className="after:absolute after:inset-0">
            {label}
          </Link>
        ) : (
          label
        )}
      </p>
      <p className="tabular mt-1 truncate text-xl font-semibold" data-figure={label}>
        {value}
      </p>
      {children}
    </div>
  );
}

/** How much a figure changed against the period before, and whether that is good. */
export function ChangeText({ figure, format, better = "neither" }: Pick<FigureCardProps, "figure" | "format" | "better">) {
  const change = figure.change_percent;
  if (figure.value === null) return null;
  if (change === null) return <span className="text-xs text-faint" title="Nothing is known of the period before">new</span>;
  const direction = Math.abs(change) < 0.05 ? "same" : change > 0 ? "up" : "down";
  const tone = direction === "same" || better === "neither" ? "text-muted" : direction === better ? "text-good" : "text-bad";
  const Arrow = direction === "same" ? ArrowRight : direction === "up" ? ArrowUpRight : ArrowDownRight;
  return (
    <Tooltip text={`${format(figure.previous)} in the period before`}>
      <button type="button" className={cn("relative z-10 inline-flex items-center gap-0.5 text-xs font-medium whitespace-nowrap", tone)}>
        <Arrow className="size-3.5" aria-hidden />
        {formatChange(change)}
        <span className="sr-only">{direction === "same" ? "unchanged" : direction === "up" ? "more" : "less"} than before</span>
      </button>
    </Tooltip>
  );
}
