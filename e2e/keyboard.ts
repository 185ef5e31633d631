import type { Locator, Page } from "@playwright/test";
import { expect } from "./fixtures";

/** More stops than this from one thing to another on a page are too many. */
const MOST_STOPS = 60;

/**
 * A person who has a keyboard and nothing else.
 *
 * At each place where the focus stops it must be seen: marked, within the window, and not covered by anything.
 */
export class Keyboard {
  constructor(private readonly page: Page) {}

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text);
  }

  /** Presses Tab, or another key that moves the focus, until it is on something, at most so many times. */
  async moveTo(target: Locator, key = "Tab"): Promise<void> {
    await expect(target).toBeVisible();
    const passed: string[] = [];
    for (let stop = 0; stop < MOST_STOPS; stop += 1) {
      await this.press(key);
      passed.push(await this.expectVisibleFocus());
      if (await target.evaluate((element) => element === document.activeElement)) return;
    }
    throw new Error(`${key} does not lead to ${target}, but over:\n${passed.join("\n")}`);
  }

  /** Goes to something with Tab, and presses it. */
  async pressOn(target: Locator, key = "Enter"): Promise<void> {
    await this.moveTo(target);
    await this.press(key);
  }

  /** Fails unless what has the focus can be seen to have it; returns what it is. */
  async expectVisibleFocus(): Promise<string> {
    const found = await this.page.evaluate(() => {
      const element = document.activeElement;
      if (element === null || element === document.body) return { name: "the document", faults: [] };
      const faults: string[] = [];
      const style = getComputedStyle(element);
      const isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      if (!isMarked) faults.push("not marked");
      const box = element.getBoundingClientRect();
      const [left, right] = [Math.max(0, box.left), Math.min(innerWidth, box.right)];
      const [top, bottom] = [Math.max(0, box.top), Math.min(innerHeight, box.bottom)];
      if (right - left < 1 || bottom - top < 1) faults.push("out of the window");
      else {
        const covering = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
        const isItself = covering !== null && (element.contains(covering) || covering.contains(element) || covering.closest("label")?.contains(element));
        if (!isItself) faults.push(`covered by ${covering?.outerHTML.slice(0, 120)}`);
      }
      return { name: element.outerHTML.slice(0, 160), faults };
    });
    expect(found.faults, found.name).toEqual([]);
    return found.name;
  }
}
