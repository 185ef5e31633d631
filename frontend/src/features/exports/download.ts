import type { Export, ExportBody } from "@/api/schema";
import { RANGE_LABELS, type RangeName, RANGES, type Scope } from "@/features/range/range";
import { formatBytes, formatExact, formatTime } from "@/lib/format";

export type ExportFormat = ExportBody["format"];

export const FORMATS: readonly { value: ExportFormat; label: string; note: string }[] = [
  { value: "csv", label: "CSV", note: "One row a trace, safe to open in a spreadsheet" },
  { value: "jsonl", label: "JSON Lines", note: "One JSON document a line, values as they are" },
  { value: "parquet", label: "Parquet", note: "Columns with types, for data frames and warehouses" },
];

/** Where this dashboard hands out the file, null while there is none. */
export function downloadPath({ download_url: url }: Pick<Export, "download_url">): string | null {
  // The session proves who asks; a signature would end after minutes, while the page stays open.
  return url === null ? null : `/api/gw${url.split("?", 1)[0]}`;
}

/** What is in the file. */
export function fileSummary({ rows, bytes, format }: { rows: number | null; bytes: number | null; format: string }): string {
  return `${formatExact(rows)} ${rows === 1 ? "trace" : "traces"}, ${formatBytes(bytes)} ${format}`;
}

/** Ranges to choose from: the one that was asked for first, where it is no preset. */
export function rangeOptions(scope: Scope): { value: string; label: string }[] {
  const presets = RANGES.map((name) => ({ value: name as string, label: RANGE_LABELS[name] }));
  if (scope.from === undefined) return presets;
  return [{ value: CHOSEN, label: `${formatTime(scope.from)} – ${scope.to === undefined ? "now" : formatTime(scope.to)}` }, ...presets];
}

export const CHOSEN = "chosen";

/** The request for an export of what is in a scope, or in another range of it. */
export function exportBody(format: ExportFormat, choice: string, scope: Scope, filter: Record<string, unknown> | null, q: string | null): ExportBody {
  const range: RangeName | undefined = RANGES.find((name) => name === choice);
  const when = range === undefined ? { ...(scope.from ? { from: scope.from } : {}), ...(scope.to ? { to: scope.to } : {}) } : { range };
  return { format, ...when, ...(filter ? { filter } : {}), ...(q ? { q } : {}) };
}
