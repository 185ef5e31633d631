import type { Page } from "@playwright/test";
import { needed, test } from "./measured";

/** What the page's own clock says of its frames since it was asked last. */
interface Frames {
  /** Longest time between two frames, milliseconds. */
  longest_gap_ms: number;
  /** Longest of the frames that Chromium counts as long, 0 when none was; milliseconds. */
  longest_frame_ms: number;
  /** Time that long frames kept the page from answering, milliseconds. */
  blocked_ms: number;
}

interface LongFrame extends PerformanceEntry {
  blockingDuration: number;
}

declare global {
  interface Window {
    frames_: { gap: number; longest: number; blocked: number };
  }
}

/** Watches frames from the first script of the page on. */
function watchFrames(): void {
  window.frames_ = { gap: 0, longest: 0, blocked: 0 };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as LongFrame[]) {
      window.frames_.longest = Math.max(window.frames_.longest, entry.duration);
      window.frames_.blocked += entry.blockingDuration;
    }
  }).observe({ type: "long-animation-frame", buffered: true });
  let before = performance.now();
  const look = (now: number) => {
    window.frames_.gap = Math.max(window.frames_.gap, now - before);
    before = now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame((now) => {
    before = now;
    look(now);
  });
}

async function framesOf(page: Page): Promise<Frames> {
  // Entries of long frames come a moment after the frames.
  await page.waitForTimeout(300);
  return page.evaluate(() => {
    const { gap, longest, blocked } = window.frames_;
    window.frames_ = { gap: 0, longest: 0, blocked: 0 };
    return { longest_gap_ms: Math.round(gap), longest_frame_ms: Math.round(longest), blocked_ms: Math.round(blocked) };
  });
}

/** Scrolls the tree to one of its ends in so many milliseconds, a bit in each frame. */
async function scroll(page: Page, to: "end" | "start", milliseconds: number): Promise<void> {
  await page.getByRole("tree", { name: "Spans" }).evaluate(
    (tree, [end, duration]) =>
      new Promise<void>((done) => {
        const from = tree.scrollTop;
        const distance = (end === "end" ? tree.scrollHeight - tree.clientHeight : 0) - from;
        const begun = performance.now();
        const step = () => {
          const share = Math.min(1, (performance.now() - begun) / duration);
          tree.scrollTop = from + distance * share;
          if (share < 1) requestAnimationFrame(step);
          else done();
        };
        step();
      }),
    [to, milliseconds] as const,
  );
}

test("a trace of tens of thousands of spans", async ({ cold, keep }) => {
  const traceId = needed("E2E_LONG_TRACE");
  const context = await cold();
  const page = await context.newPage();
  await page.addInitScript(watchFrames);
  const steps: Record<string, Frames> = {};

  await page.goto(`/traces/${encodeURIComponent(traceId)}`);
  const rows = page.getByRole("treeitem");
  await rows.first().waitFor();
  const firstSpans = await page.evaluate(() => performance.now());
  await page.getByRole("status").filter({ hasText: /^[\d,.k ]+ spans$/ }).waitFor({ timeout: 120_000 });
  const allSpans = await page.evaluate(() => performance.now());
  steps["opening until all spans are there"] = await framesOf(page);

  await scroll(page, "end", 5_000);
  steps["scrolling down in 5 s"] = await framesOf(page);
  await scroll(page, "start", 5_000);
  steps["scrolling up in 5 s"] = await framesOf(page);
  const box = await page.getByRole("tree", { name: "Spans" }).boundingBox();
  await page.mouse.move((box?.x ?? 0) + 200, (box?.y ?? 0) + 200);
  for (let turn = 0; turn < 60; turn += 1) {
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(16);
  }
  steps["turning the wheel"] = await framesOf(page);

  await page.getByRole("button", { name: "Collapse", exact: true }).click();
  steps["collapsing all"] = await framesOf(page);
  await page.getByRole("button", { name: "Expand", exact: true }).click();
  steps["expanding all"] = await framesOf(page);
  await page.getByRole("button", { name: /^Next of/ }).click();
  steps["to the next failure"] = await framesOf(page);
  await page.getByRole("tree", { name: "Spans" }).focus();
  for (let press = 0; press < 20; press += 1) {
    await page.keyboard.press("ArrowDown");
    await page.waitForTimeout(50);
  }
  steps["20 rows down by keys"] = await framesOf(page);
  await page.getByRole("button", { name: "Agents" }).click();
  await page.locator(".react-flow__node").first().waitFor({ timeout: 60_000 });
  steps["to the graph of agents"] = await framesOf(page);
  await page.getByRole("button", { name: "Tree and timeline" }).click();
  await rows.first().waitFor();
  steps["back to tree and timeline"] = await framesOf(page);

  keep("long_trace", {
    first_spans_ms: Math.round(firstSpans),
    all_spans_ms: Math.round(allSpans),
    rows_in_the_document: await rows.count(),
    steps,
  });
  await context.close();
});
