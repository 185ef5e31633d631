import { fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Plot } from "@/components/charts/plot";

const HOUR = 3_600_000;
const LEFT = 72;
const timeOf = (index: number) => new Date(Date.UTC(2026, 10, 2, index)).toISOString();
const POINTS = [4, 2, null, 6, 1, 3].map((value, index) => ({ time: timeOf(index), values: { calls: value, before: index } }));
const SERIES = [
  { key: "calls", label: "Calls", colour: "red" },
  { key: "before", label: "Before", colour: "grey", dashed: true },
];

beforeEach(() => {
  // jsdom lays nothing out: six buckets of 100 pixels each, beside the axis.
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(LEFT + 600 + 6);
  HTMLElement.prototype.setPointerCapture = () => undefined;
});
afterEach(() => vi.restoreAllMocks());

function draw(kind: "bar" | "area" | "line", onSelect?: (from: string, to: string) => void) {
  const { container } = render(
    <Plot points={POINTS} series={SERIES} kind={kind} format={(value) => `${value ?? "none"}`} height={200} {...(onSelect ? { onSelect } : {})} />,
  );
  return container.firstElementChild as HTMLElement;
}
const at = (x: number) => ({ clientX: LEFT + x, clientY: 50, pointerId: 1, button: 0 });

it("says what the bucket under the pointer holds, and nothing once it has gone", () => {
  const plot = draw("bar");
  fireEvent.pointerMove(plot, at(350));
  expect(screen.getByText("Calls").closest("dl")).toHaveTextContent("Calls6Before3");
  fireEvent.pointerMove(plot, at(250));
  expect(screen.getByText("Calls").closest("dl")).toHaveTextContent("CallsnoneBefore2");
  fireEvent.pointerLeave(plot);
  expect(screen.queryByText("Calls")).toBeNull();
});

it.each([
  ["from left to right", 150, 350],
  ["from right to left", 350, 150],
])("selects whole buckets that are drawn over %s", (_, from, to) => {
  const onSelect = vi.fn();
  const plot = draw("bar", onSelect);
  fireEvent.pointerDown(plot, at(from));
  fireEvent.pointerMove(plot, at(to));
  fireEvent.pointerUp(plot, at(to));
  expect(onSelect).toHaveBeenCalledExactlyOnceWith(timeOf(1), new Date(Date.parse(timeOf(3)) + HOUR).toISOString());
});

it("selects nothing by a click, or where nothing can be selected", () => {
  const onSelect = vi.fn();
  const plot = draw("bar", onSelect);
  fireEvent.pointerDown(plot, at(150));
  fireEvent.pointerUp(plot, at(151));
  expect(onSelect).not.toHaveBeenCalled();
});

it("leaves gaps in lines open, and draws bars and lines together", () => {
  const bars = draw("bar");
  expect(bars.querySelectorAll("path")).toHaveLength(2);
  const [calls] = [...draw("line").querySelectorAll("path")];
  // The third value is missing: two parts, each of which begins with a move.
  expect(calls?.getAttribute("d")?.match(/M/g)).toHaveLength(2);
});
