import { arrive, DESTINATIONS, median, test } from "./measured";

const REPEATS = Number(process.env.MEASURE_REPEATS ?? 5);

interface Times {
  page: string;
  median_ms: number;
  slowest_ms: number;
}

function timesOf(page: string, measured: readonly number[]): Times {
  return { page, median_ms: Math.round(median(measured)), slowest_ms: Math.round(Math.max(...measured)) };
}

test("largest contentful paint of a first visit", async ({ cold, traceId, keep }) => {
  const places = [
    { name: "Sign-in", path: "/login", shows: "form", isOpen: true },
    ...DESTINATIONS,
    { name: "Trace", path: `/traces/${encodeURIComponent(traceId)}`, shows: '[role="treeitem"]' },
  ];
  const found: Times[] = [];
  for (const place of places) {
    const paints: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const context = await cold({ signedIn: !place.isOpen });
      const page = await context.newPage();
      await arrive(page, place);
      paints.push(
        await page.evaluate(
          () =>
            new Promise<number>((done) => {
              new PerformanceObserver((list) => done(list.getEntries().at(-1)?.startTime ?? Number.NaN)).observe({
                type: "largest-contentful-paint",
                buffered: true,
              });
            }),
        ),
      );
      await context.close();
    }
    found.push(timesOf(place.name, paints));
  }
  keep("largest_contentful_paint", found);
});

/** Looks from the next click on, frame by frame, until the page has its heading and its data, and keeps how long that took. */
function watchChange({ heading, content }: { heading: string; content: string }): void {
  const isThere = () =>
    document.querySelector("h1")?.textContent === heading &&
    document.querySelector(content) !== null &&
    document.querySelector('main [role="status"][aria-label="Loading"]') === null;
  window.addEventListener(
    "click",
    (event) => {
      const look = () => {
        if (!isThere()) requestAnimationFrame(look);
        // What this frame draws is on the screen when the next one begins.
        else requestAnimationFrame((now) => Object.assign(window, { changed: now - event.timeStamp }));
      };
      look();
    },
    { capture: true, once: true },
  );
}

// Pages are loaded while the pointer is on their link; who clicks at once waits for that too.
for (const restMs of [150, 0]) {
  test(`change of page, the pointer ${restMs} ms on the link`, async ({ cold, keep }) => {
    const found: Times[] = [];
    for (const { name, path, shows } of DESTINATIONS) {
      const changes: number[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat += 1) {
        // A new context has neither the scripts of the page nor its data.
        const context = await cold();
        const page = await context.newPage();
        await arrive(page, DESTINATIONS.find((place) => place.path === (path === "/jobs" ? "/settings" : "/jobs")) ?? { path, shows });
        await page.waitForTimeout(1_000);
        await page.evaluate(watchChange, { heading: name, content: shows });
        const link = page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true });
        await link.hover();
        await page.waitForTimeout(restMs);
        await link.click();
        changes.push(await (await page.waitForFunction(() => (window as { changed?: number }).changed)).evaluate((value) => value ?? Number.NaN));
        await context.close();
      }
      found.push(timesOf(name, changes));
    }
    keep(restMs === 0 ? "route_change_at_once" : "route_change", found);
  });
}
