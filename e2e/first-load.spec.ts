import { expect, test } from "./fixtures";
import { tableOf } from "./table";

/** What the browser gets over the wire, in units of 1,000 bytes. */
const MOST_KB = 250;

const OPEN = ["/login", "/register", "/forgot-password", "/reset-password", "/accept-invitation"];
const OWN = ["/dashboard", "/traces", "/sessions", "/users", "/usage", "/cost", "/performance", "/ingestion", "/jobs", "/settings"];

// Everything that a page loads by itself counts, parts that follow later and charts as well, until the network is quiet.
// What a person has to ask for does not: dialogs, the palette, the graph of a trace.
test(`no page loads more than ${MOST_KB} kB of scripts by itself`, async ({ browser, signedIn, storeTrace, baseURL }) => {
  test.setTimeout(180_000);
  const traceId = await storeTrace({ user_id: "ada", session_id: "s-1" });
  const storageState = await signedIn.context().storageState();
  const paths = [...OPEN, ...OWN, `/traces/${traceId}`, "/sessions/s-1", "/users/ada"];
  const found: { path: string; bytes: number; files: number }[] = [];
  for (const path of paths) {
    // A context of its own has nothing in its cache.
    const context = await browser.newContext({ ...(baseURL ? { baseURL } : {}), ...(OPEN.includes(path) ? {} : { storageState }) });
    const page = await context.newPage();
    await page.goto(path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await page.waitForLoadState("networkidle");
    await expect(page.getByRole("main").getByRole("status", { name: "Loading" })).toHaveCount(0);
    const sizes = await page.evaluate(() =>
      performance
        .getEntriesByType("resource")
        .filter(({ name }) => new URL(name).pathname.endsWith(".js"))
        .map((entry) => (entry as PerformanceResourceTiming).encodedBodySize),
    );
    await context.close();
    found.push({ path: path.replace(traceId, "…"), bytes: sizes.reduce((sum, size) => sum + size, 0), files: sizes.length });
  }
  process.stdout.write(
    tableOf("Scripts of a first visit, as they come over the wire", ["page", "kB", "files"], found.map(({ path, bytes, files }) => [path, Math.round(bytes / 100) / 10, files])),
  );
  for (const { path, bytes, files } of found) {
    // Sizes are 0 where the browser may not tell them.
    expect(files, path).toBeGreaterThan(5);
    expect(bytes, path).toBeGreaterThan(100_000);
    expect.soft(bytes / 1000, `${path}, kB`).toBeLessThanOrEqual(MOST_KB);
  }
});
