import { createParser, useQueryState } from "nuqs";
import { useCallback } from "react";

/** By which column rows are in order. */
export interface Sort {
  key: string;
  isDescending: boolean;
}

/** As lists of the gateway write it: `-cost_usd` from the highest down. */
export const parseAsSort = createParser<Sort>({
  parse: (text) => {
    const isDescending = text.startsWith("-");
    const key = isDescending ? text.slice(1) : text;
    return key === "" ? null : { key, isDescending };
  },
  serialize: ({ key, isDescending }) => (isDescending ? `-${key}` : key),
  eq: (one, other) => one.key === other.key && one.isDescending === other.isDescending,
});

/** The order of one table of a page, kept in the address as `NAME_sort`. */
export function useSort(name: string, initial: Sort): [Sort, (sort: Sort) => void] {
  const [sort, setSort] = useQueryState(`${name}_sort`, parseAsSort.withDefault(initial));
  const set = useCallback((next: Sort) => void setSort(next), [setSort]);
  return [sort, set];
}

export type SortValue = number | string | null;

const byText = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

/** Rows in order; those without a value come last in either direction, equal ones stay as they were. */
export function sorted<Row>(rows: readonly Row[], valueOf: (row: Row) => SortValue, isDescending: boolean): Row[] {
  const sign = isDescending ? -1 : 1;
  return rows.toSorted((one, other) => {
    const [a, b] = [valueOf(one), valueOf(other)];
    if (a === null || b === null) return Number(a === null) - Number(b === null);
    return sign * (typeof a === "number" && typeof b === "number" ? a - b : byText.compare(String(a), String(b)));
  });
}
