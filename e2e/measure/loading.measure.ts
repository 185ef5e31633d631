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

test("from a click in the navigation until the page is there with its data", async ({ cold, keep }) => {
  const found: Times[] = [];
  for (const { name, path, shows } of DESTINATIONS) {
    const changes: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      // A new context has neither the scripts of the page nor its data.
      const context = await cold();
      const page = await context.newPage();
      await arrive(page, DESTINATIONS.find((place) => place.path === (path === "/jobs" ? "/settings" : "/jobs")) ?? { path: "/jobs", shows: "main" });
      await page.waitForTimeout(1_000);
      await page.evaluate(
        ({ heading, content }) => {
          const isThere = () =>
            document.querySelector("h1")?.textContent === heading &&
            document.querySelector(content) !== null &&
            document.querySelector('main [role="status"][aria-label="Loading"]') === null;
          window.addEventListener(
            "click",
            (event) => {
              const look = () => {
                if (!isThere()) return requestAnimationFrame(look);
                // What this frame draws is on the screen when the next one begins.
                return requestAnimationFrame((now) => Object.assign(window, { changed: now - event.timeStamp }));
              };
              look();
            },
            { capture: true, once: true },
          );
        },
        { heading: name, content: shows },
      );
      await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name, exact: true }).click();
      changes.push(await (await page.waitForFunction(() => (window as { changed?: number }).changed)).evaluate((value) => value ?? Number.NaN));
      await context.close();
    }
    found.push(timesOf(name, changes));
  }
  keep("route_change", found);
});
