/** Rows under a title for the terminal, each column as wide as its widest cell, numbers on the right. */
export function tableOf(title: string, columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [columns, ...rows].map((row) => row.map(String));
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[], source?: readonly (string | number)[]) =>
    row.map((cell, at) => (typeof source?.[at] === "number" ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0))).join("  ").trimEnd();
  const [heading = [], ...body] = cells;
  return [`\n${title}`, line(heading), widths.map((width) => "-".repeat(width)).join("  "), ...body.map((row, at) => line(row, rows[at]))].join("\n  ") + "\n";
}
