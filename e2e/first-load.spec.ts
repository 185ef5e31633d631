import { expect, test } from "./fixtures";
import { tableOf } from "./table";

/** What the browser gets over the wire, in units of 1,000 bytes. */
const MOST_KB = 250;

const OPEN = ["/login", "/register", "/forgot-password", "/reset-password", "/accept-invitation"];
const OWN = ["/dashboard", "/traces", "/sessions", "/users", "/usage", "/cost", "/performance", "/ingestion", "/prices", "/jobs", "/settings"];

// The first load is what the document asks for, before anything of the page can be used. What a page asks for after that, such as what
// draws charts and messages, is told beside it; what a person has to ask for, such as dialogs and the palette, is in neither.
test(`no page needs more than ${MOST_KB} kB of scripts before it can be used`, async ({ browser, signedIn, storeTrace, baseURL }) => {
  test.setTimeout(180_000);
  const traceId = await storeTrace({ user_id: "ada", session_id: "s-1" });
  const storageState = await signedIn.context().storageState();
  const paths = [...OPEN, ...OWN, `/traces/${traceId}`, "/sessions/s-1", "/users/ada", `/compare?a=${traceId}&b=${traceId}`];
  const found: { path: string; first: number; all: number; files: number }[] = [];
  for (const path of paths) {
    // A context of its own has nothing in its cache.
    const context = await browser.newContext({ ...(baseURL ? { baseURL } : {}), ...(OPEN.includes(path) ? {} : { storageState }) });
    const page = await context.newPage();
    const document = (await (await page.goto(path))?.text()) ?? "";
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await page.waitForLoadState("networkidle");
    await expect(page.getByRole("main").getByRole("status", { name: "Loading" })).toHaveCount(0);
    const sizes = await page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter(({ name }) => new URL(name).pathname.endsWith(".js"))
        .map((entry) => ({ path: new URL(entry.name).pathname, size: (entry as PerformanceResourceTiming).encodedBodySize })),
    );
    const asked = new Set([...document.matchAll(/<script[^>]+src="([^"]+)"/g)].map((match) => match[1]));
    const sum = (scripts: typeof sizes) => scripts.reduce((total, { size }) => total + size, 0);
    const first = sizes.filter((script) => asked.has(script.path));
    await context.close();
    found.push({ path: path.replaceAll(traceId, "…"), first: sum(first), all: sum(sizes), files: first.length });
  }
  const kilobytes = (bytes: number) => Math.round(bytes / 100) / 10;
  process.stdout.write(
    tableOf(
      "Scripts of a first visit, as they come over the wire",
      ["page", "first load, kB", "files", "with what follows, kB"],
      found.map(({ path, first, files, all }) => [path, kilobytes(first), files, kilobytes(all)]),
    ),
  );
  for (const { path, first, files } of found) {
    // Sizes are 0 where the browser may not tell them.
    expect(files, path).toBeGreaterThan(5);
    expect(first, path).toBeGreaterThan(100_000);
    expect.soft(first / 1000, `${path}, kB`).toBeLessThanOrEqual(MOST_KB);
  }
});
