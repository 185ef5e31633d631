import { expect, type Locator, type Page } from "@playwright/test";
import type { Figure } from "../../frontend/src/api/schema";
import { formatChange, formatTick } from "../../frontend/src/lib/format";

export type Format = (value: number | string | null) => string;

/** How a moment stands in what is read of a page, which says how long ago it was. */
export const momentOf = (value: string | null) => (value === null ? "–" : `@${new Date(value).toISOString()}`);

/** What people read in the cells of rows: pictures by their names, moments as themselves, all else as it stands; before them an attribute of the row, if wanted. */
async function textsOf(scope: Locator, rows: string, cells: string, name?: string): Promise<string[][]> {
  return scope.evaluate(
    (root, [rowSelector, cellSelector, attribute]) => {
      function textOf(element: Element): string {
        const time = element.matches("time") ? element : element.querySelector("time");
        if (time) return `@${new Date(time.getAttribute("datetime") ?? "").toISOString()}`;
        const picture = element.matches("svg[role=img]") ? element : element.querySelector("svg[role=img]");
        const text = element instanceof HTMLElement ? element.innerText.replace(/\s+/g, " ").trim() : "";
        return picture && text === "" ? (picture.getAttribute("aria-label") ?? "") : text;
      }
      return [...root.querySelectorAll(rowSelector)].map((row) => [
        ...(attribute === undefined ? [] : [row.getAttribute(attribute) ?? ""]),
        ...[...row.querySelectorAll(cellSelector)].map(textOf),
      ]);
    },
    [rows, cells, name] as const,
  );
}

const CELLS = ":scope > th, :scope > td, :scope > [role=cell], :scope > [role=columnheader]";

/** The rows of a table, that of its head first. */
export function readTable(table: Locator): Promise<string[][]> {
  return textsOf(table, "tr, [role=row]", CELLS);
}

/** Entries of a list, each by the parts of its link or of itself. */
export function readList(list: Locator): Promise<string[][]> {
  return textsOf(list, ":scope > li", ":scope > a > *, :scope > :not(a)");
}

/** Names and values side by side. */
export async function readFacts(list: Locator): Promise<Record<string, string>> {
  const pairs = await list.evaluate((root) =>
    [...root.querySelectorAll("dt")].map((name) => {
      const value = name.nextElementSibling as HTMLElement;
      const time = value.querySelector("time");
      const text = time ? `@${new Date(time.dateTime).toISOString()}` : value.innerText.replace(/\s+/g, " ").trim();
      return [name.innerText.trim(), text] as const;
    }),
  );
  return Object.fromEntries(pairs);
}

/** All rows of a table of which only those in sight are drawn, that of its head first. */
export async function readVirtualTable(table: Locator, expected: number): Promise<string[][]> {
  const found = new Map<string, string[]>();
  const scroller = table.locator("xpath=..");
  await expect(table.getByRole("row").nth(1)).toBeVisible();
  await scroller.evaluate((element) => element.scrollTo(0, 0));
  await expect(async () => {
    for (const [index, ...cells] of await textsOf(table, "[role=row]", CELLS, "aria-rowindex")) if (index !== undefined) found.set(index, cells);
    await scroller.evaluate((element) => element.scrollBy(0, element.clientHeight - 36));
    expect(found.size, "rows seen by scrolling").toBe(expected + 1);
  }).toPass({ intervals: [50] });
  return [...found].sort(([a], [b]) => Number(a) - Number(b)).map(([, cells]) => cells);
}

/** A chart as the page's table of it: its head, and a row a bucket. */
export async function expectChart(
  page: Page,
  label: string,
  series: readonly { label: string; values: readonly (number | null)[] }[],
  times: readonly string[],
  format: Format,
): Promise<void> {
  await page.getByRole("button", { name: `${label}: show as table`, exact: true }).click();
  const bucket = Date.parse(times[1] ?? "") - Date.parse(times[0] ?? "");
  const rows = times.map((time, index) => [formatTick(time, bucket), ...series.map(({ values }) => format(values[index] ?? null))]);
  const region = page.getByRole("region", { name: `${label}, table`, exact: true });
  await expect.poll(() => readTable(region), { message: label }).toEqual([["Time", ...series.map((one) => one.label)], ...rows]);
  await page.getByRole("button", { name: `${label}: show as chart`, exact: true }).click();
}

/** What a column of a table shows of a row, and what it is sorted by. */
export interface Shown<Row> {
  label: string;
  text: (row: Row) => string;
  value: (row: Row) => number | string | null;
}

export const column = <Row>(label: string, value: Shown<Row>["value"], format: Format): Shown<Row> => ({ label, value, text: (row) => format(value(row)) });
export const words = (value: number | string | null) => (value === null ? "–" : String(value));
/** A column of moments. */
export const moment = (value: number | string | null) => momentOf(value === null ? null : String(value));

/** A table of figures whole, from the highest of one of its columns down; what has no value comes last. */
export async function expectTable<Row>(page: Page, label: string, columns: readonly Shown<Row>[], rows: readonly Row[], by: string): Promise<void> {
  const table = page.getByRole("table", { name: label, exact: true });
  const order = columns.find((one) => one.label === by);
  if (!order) throw new Error(`${label} has no column ${by}`);
  const sorted = rows.toSorted((one, other) => {
    const [a, b] = [order.value(one), order.value(other)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return typeof a === "number" && typeof b === "number" ? b - a : 0;
  });
  const all = page.getByRole("region", { name: label, exact: true }).locator("xpath=..").getByRole("button", { name: /^Show all/ });
  await expect(table.getByRole("row").nth(Math.min(rows.length, 1))).toBeVisible();
  if (await all.isVisible()) await all.click();
  await expect
    .poll(() => readTable(table), { message: label })
    .toEqual([columns.map((one) => one.label), ...sorted.map((row) => columns.map(({ text }) => text(row)))]);
}

/** A key figure: its value, how it changed, and what it was before, which shows to those who point at the change. */
export async function expectFigure(page: Page, label: string, figure: Figure, format: Format): Promise<void> {
  const value = page.locator(`[data-figure="${label}"]`);
  await expect(value, label).toHaveText(format(figure.value));
  const card = value.locator("xpath=..");
  if (figure.value === null) {
    await expect(card, label).not.toContainText("new");
    return;
  }
  if (figure.change_percent === null) {
    await expect(card, label).toContainText("new");
    return;
  }
  const change = card.getByRole("button");
  await expect(change, label).toHaveText(`${formatChange(figure.change_percent)}${directionOf(figure.change_percent)} than before`);
  await change.focus();
  await expect(page.getByRole("tooltip"), label).toHaveText(`${format(figure.previous)} in the period before`);
  await change.blur();
}

function directionOf(percent: number): string {
  if (Math.abs(percent) < 0.05) return "unchanged";
  return percent > 0 ? "more" : "less";
}

/** A key figure that is a text. */
export async function expectFact(page: Page, label: string, text: string, note?: string): Promise<void> {
  const value = page.locator(`[data-figure="${label}"]`);
  await expect(value, label).toHaveText(text);
  if (note !== undefined) await expect(value.locator("xpath=.."), label).toContainText(note);
}
