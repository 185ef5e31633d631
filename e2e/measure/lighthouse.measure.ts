import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect } from "@playwright/test";
import { tableOf } from "../table";
import { DESTINATIONS, median, test } from "./measured";

/** What each page must reach; performance as on a desktop. */
const LEAST = { accessibility: 100, performance: 90 };
const REPEATS = Number(process.env.MEASURE_REPEATS ?? 1);

const TOOL = path.join(__dirname, "..", "lighthouse");
const MINUTES = 60_000;
const runFile = promisify(execFile);

interface Report {
  runtimeError?: { message: string };
  categories: Record<"accessibility" | "performance", { score: number | null }>;
  audits: Record<string, { score: number | null; title: string; numericValue?: number; scoreDisplayMode: string }>;
}

interface Scores {
  page: string;
  accessibility: number;
  performance: number;
  lcp_ms: number;
  tbt_ms: number;
  cls: number;
  /** Rules of accessibility that the page breaks. */
  broken: string[];
}

/** Installs Lighthouse, which is as large as half of the dashboard's packages, where and when it is needed. */
function install(): void {
  const lock = readFileSync(path.join(TOOL, "package-lock.json"), "utf8");
  const stamp = path.join(TOOL, "node_modules", ".installed-lock");
  try {
    if (readFileSync(stamp, "utf8") === lock) return;
  } catch {
    // It was never installed.
  }
  // What an outer npm says of itself would count for this one too.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: TOOL, stdio: "inherit", env: env as NodeJS.ProcessEnv });
  if (status !== 0) throw new Error("Lighthouse could not be installed");
  writeFileSync(stamp, lock);
}

test("scores of Lighthouse", async ({ cookies, baseURL, traceId, launchOptions, keep }) => {
  install();
  const folder = mkdtempSync(path.join(tmpdir(), "ao-lighthouse-"));
  const headers = path.join(folder, "headers.json");
  // Headless for itself; the other options are those of the tests.
  const flags = ["--headless=new", "--disable-dev-shm-usage", ...(launchOptions.args ?? [])].join(" ");

  async function reportOf(place: { path: string; isOpen?: boolean }): Promise<Report> {
    // A session of its own for each run: it begins with a token that lasts.
    writeFileSync(headers, JSON.stringify(place.isOpen ? {} : { Cookie: await cookies() }));
    const options = [
      `${baseURL}${place.path}`, "--quiet", "--output=json", "--preset=desktop", "--only-categories=accessibility,performance",
      `--chrome-flags=${flags}`, `--extra-headers=${headers}`,
    ];
    const { stdout } = await runFile(path.join(TOOL, "node_modules", ".bin", "lighthouse"), options, {
      env: { ...process.env, ...(launchOptions.executablePath ? { CHROME_PATH: launchOptions.executablePath } : {}) },
      maxBuffer: 64 << 20,
      timeout: 3 * MINUTES,
    });
    const report = JSON.parse(stdout) as Report;
    if (report.runtimeError) throw new Error(`${place.path}: ${report.runtimeError.message}`);
    return report;
  }

  const places = [
    { name: "Sign-in", path: "/login", isOpen: true },
    ...DESTINATIONS.filter(({ path: address }) => ["/dashboard", "/traces"].includes(address)),
    { name: "Trace", path: `/traces/${encodeURIComponent(traceId)}` },
  ];
  const found: Scores[] = [];
  try {
    for (const place of places) {
      const reports: Report[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat += 1) reports.push(await reportOf(place));
      const middle = (of: (report: Report) => number | null | undefined) => median(reports.map((report) => of(report) ?? Number.NaN));
      found.push({
        page: place.name,
        accessibility: Math.min(...reports.map((report) => Math.round((report.categories.accessibility.score ?? 0) * 100))),
        performance: Math.round(middle((report) => report.categories.performance.score) * 100),
        lcp_ms: Math.round(middle((report) => report.audits["largest-contentful-paint"]?.numericValue)),
        tbt_ms: Math.round(middle((report) => report.audits["total-blocking-time"]?.numericValue)),
        cls: Math.round(middle((report) => report.audits["cumulative-layout-shift"]?.numericValue) * 1000) / 1000,
        broken: reports.flatMap((report) =>
          report.categories.accessibility.score === 1 ? [] : Object.values(report.audits).flatMap(({ score, title, scoreDisplayMode }) => (score === 0 && scoreDisplayMode === "binary" ? [title] : [])),
        ),
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  keep("lighthouse", found);
  process.stdout.write(
    tableOf(
      "Lighthouse, desktop",
      ["page", "accessibility", "performance", "LCP ms", "TBT ms", "CLS"],
      found.map(({ page, accessibility, performance, lcp_ms, tbt_ms, cls }) => [page, accessibility, performance, lcp_ms, tbt_ms, cls]),
    ),
  );
  for (const { page, accessibility, performance, broken } of found) {
    expect.soft(accessibility, `accessibility of ${page}: ${broken.join("; ")}`).toBeGreaterThanOrEqual(LEAST.accessibility);
    expect.soft(performance, `performance of ${page}`).toBeGreaterThanOrEqual(LEAST.performance);
  }
});
