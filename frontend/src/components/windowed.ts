import { useState, useSyncExternalStore } from "react";

/** The first row that is drawn, and the first one after those. */
export type Range = readonly [from: number, to: number];

/** Rows that are drawn beyond each edge of what is in sight. */
const BEYOND = 12;
/** A screen is taken for so many pixels until its size is known. */
const ASSUMED = 900;

/** Which of thousands of equally high rows have to be drawn: those in sight of an element that scrolls, and some around them. */
export class RowWindow {
  /** The element that scrolls, null while there is none. */
  element: HTMLElement | null = null;
  private range: Range;
  private readonly watchers = new Set<() => void>();

  /**
   * @param rowHeight Pixels of each row.
   * @param above Pixels above the first row that stay in sight, such as a heading.
   */
  constructor(
    private readonly rowHeight: number,
    private readonly above = 0,
  ) {
    this.range = [0, Math.ceil(ASSUMED / rowHeight) + BEYOND];
  }

  /** To be the `ref` of the element that scrolls. */
  attach = (element: HTMLElement | null): (() => void) | undefined => {
    this.element = element;
    if (element === null) return undefined;
    const sizes = new ResizeObserver(this.look);
    sizes.observe(element);
    element.addEventListener("scroll", this.look, { passive: true });
    return () => {
      sizes.disconnect();
      element.removeEventListener("scroll", this.look);
      this.element = null;
    };
  };

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  read = (): Range => this.range;

  /** Brings a row into sight, moving as little as possible. */
  show(index: number): void {
    if (this.element === null) return;
    const top = index * this.rowHeight;
    const bottom = this.above + top + this.rowHeight - this.element.clientHeight;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (bottom > this.element.scrollTop) this.element.scrollTop = bottom;
    this.look();
  }

  private look = (): void => {
    if (this.element === null) return;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.floor(scrollTop / this.rowHeight);
    const last = Math.ceil((scrollTop + clientHeight) / this.rowHeight);
    const [from, to] = this.range;
    // Drawn anew only when half of what is beyond an edge is used up, not at each row.
    if (first - from >= Math.min(first, BEYOND / 2) && to - last >= BEYOND / 2) return;
    this.range = [Math.max(0, first - BEYOND), last + BEYOND];
    for (const watcher of this.watchers) watcher();
  };
}

/** A window of rows for the life of a component, and what is drawn of so many rows. */
export function useRowWindow(count: number, rowHeight: number, above = 0) {
  const [rows] = useState(() => new RowWindow(rowHeight, above));
  const [from, to] = useSyncExternalStore(rows.subscribe, rows.read, rows.read);
  return { rows, attach: rows.attach, from: Math.min(from, count), to: Math.min(to, count) };
}
