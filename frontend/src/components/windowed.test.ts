import { describe, expect, it, vi } from "vitest";
import { RowWindow } from "@/components/windowed";

function scrolling(height: number): HTMLElement {
  const element = document.createElement("div");
  Object.defineProperty(element, "clientHeight", { value: height });
  return element;
}

function scrollTo(element: HTMLElement, top: number): void {
  element.scrollTop = top;
  element.dispatchEvent(new Event("scroll"));
}

describe("a window of rows", () => {
  it("follows what is in sight, with rows to spare on both sides", () => {
    const rows = new RowWindow(30);
    const element = scrolling(600);
    rows.attach(element);
    for (const top of [0, 200, 30_000, 29_500, 899_400, 0]) {
      scrollTo(element, top);
      const [from, to] = rows.read();
      expect(from).toBeLessThanOrEqual(top / 30);
      expect(to).toBeGreaterThanOrEqual((top + 600) / 30);
      expect(to - from).toBeLessThan(65);
    }
  });

  it("is drawn anew after many rows, not at each one", () => {
    const rows = new RowWindow(30);
    const element = scrolling(600);
    rows.attach(element);
    scrollTo(element, 30_000);
    const draw = vi.fn();
    rows.subscribe(draw);
    for (let top = 30_000; top <= 30_000 + 5 * 30; top += 30) scrollTo(element, top);
    expect(draw).not.toHaveBeenCalled();
    for (let top = 30_150; top <= 31_500; top += 30) scrollTo(element, top);
    expect(draw.mock.calls.length).toBeGreaterThan(1);
    expect(draw.mock.calls.length).toBeLessThan(9);
  });

  it("shows a row with as little movement as possible, below a heading that stays", () => {
    const rows = new RowWindow(30, 40);
    const element = scrolling(600);
    rows.attach(element);
    rows.show(5);
    expect(element.scrollTop).toBe(0);
    rows.show(100);
    expect(element.scrollTop).toBe(40 + 101 * 30 - 600);
    rows.show(99);
    expect(element.scrollTop).toBe(40 + 101 * 30 - 600);
    rows.show(50);
    expect(element.scrollTop).toBe(50 * 30);
    const [from, to] = rows.read();
    expect(from).toBeLessThanOrEqual(50);
    expect(to).toBeGreaterThan(50);
  });

  it("stops when its element goes", () => {
    const rows = new RowWindow(30);
    const element = scrolling(600);
    const detach = rows.attach(element);
    detach?.();
    const before = rows.read();
    scrollTo(element, 30_000);
    expect(rows.read()).toBe(before);
  });
});
