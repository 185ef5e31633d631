import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { NuqsTestingAdapter, type UrlUpdateEvent } from "nuqs/adapters/testing";
import { expect, it, vi } from "vitest";
import { type Column, DataTable, tableCsv } from "@/components/data-table";

interface Row {
  name: string;
  cost: number | null;
}

const COLUMNS: readonly Column<Row>[] = [
  { key: "name", label: "Name", value: (row) => row.name },
  { key: "cost", label: "Cost", align: "right", value: (row) => row.cost, cell: (row) => (row.cost === null ? "–" : `$${row.cost}`) },
];
const ROWS: readonly Row[] = [{ name: "b", cost: 1 }, { name: "a", cost: null }, { name: "<b>c</b>", cost: 30 }, { name: "d", cost: 4 }];

function show(search = "", most = 10) {
  const onUrlUpdate = vi.fn<(event: UrlUpdateEvent) => void>();
  render(
    <NuqsTestingAdapter searchParams={search} onUrlUpdate={onUrlUpdate} hasMemory>
      <DataTable label="Models" name="models" columns={COLUMNS} rows={ROWS} keyOf={(row) => row.name} initialSort={{ key: "cost", isDescending: true }} most={most} />
    </NuqsTestingAdapter>,
  );
  return onUrlUpdate;
}

const names = () => screen.getAllByRole("rowheader").map((cell) => cell.textContent);

it("shows rows in order, without a value last", () => {
  show();
  expect(names()).toEqual(["<b>c</b>", "d", "b", "a"]);
  expect(screen.getByRole("columnheader", { name: "Cost" })).toHaveAttribute("aria-sort", "descending");
});

it("turns the order around, keeps it in the address, and rows without a value last", async () => {
  const onUrlUpdate = show();
  await userEvent.click(screen.getByRole("button", { name: "Cost" }));
  expect(names()).toEqual(["b", "d", "<b>c</b>", "a"]);
  expect(screen.getByRole("columnheader", { name: "Cost" })).toHaveAttribute("aria-sort", "ascending");
  expect(onUrlUpdate.mock.lastCall?.[0].searchParams.get("models_sort")).toBe("cost");
});

it("takes the order from the address", () => {
  show("?models_sort=name");
  expect(names()).toEqual(["<b>c</b>", "a", "b", "d"]);
});

it("stands an address that names no column", () => {
  show("?models_sort=-nothing");
  expect(names()).toHaveLength(ROWS.length);
});

it("shows more when asked", async () => {
  show("", 2);
  expect(names()).toEqual(["<b>c</b>", "d"]);
  await userEvent.click(screen.getByRole("button", { name: "Show all 4" }));
  expect(names()).toHaveLength(4);
});

it("is a table with its name", () => {
  show();
  expect(within(screen.getByRole("table", { name: "Models" })).getByText("$30")).toBeInTheDocument();
});

it("exports exact values under the labels of the columns", () => {
  expect(tableCsv(COLUMNS, [{ name: "=cmd", cost: null }, { name: "x", cost: 0.1 }])).toBe("Name,Cost\r\n'=cmd,\r\nx,0.1\r\n");
});
