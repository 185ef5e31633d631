import { readFileSync, writeFileSync } from "node:fs";
import { type Browser, type BrowserContext, type Page, test as base } from "@playwright/test";

/** A page of the dashboard, and what shows that it is there with its data. */
export interface Place {
  name: string;
  path: string;
  /** Matches something once what the page is about is shown. */
  shows: string;
  /** Seen without signing in. */
  isOpen?: boolean;
}

/** The pages of the navigation. */
export const DESTINATIONS: readonly Place[] = [
  { name: "Home", path: "/dashboard", shows: '[data-figure="Requests"]' },
  { name: "Traces", path: "/traces", shows: '[role="table"] [role="row"][data-row]' },
  { name: "Sessions", path: "/sessions", shows: '[role="table"] [role="row"][data-row]' },
  { name: "Users", path: "/users", shows: '[role="table"] [role="row"][data-row]' },
  { name: "Usage", path: "/usage", shows: "[data-figure]" },
  { name: "Cost", path: "/cost", shows: "[data-figure]" },
  { name: "Performance", path: "/performance", shows: "[data-figure]" },
  { name: "Ingestion", path: "/ingestion", shows: "main dl, main table" },
  { name: "Jobs", path: "/jobs", shows: "main table, main p.font-medium" },
  { name: "Settings", path: "/settings", shows: '[role="tabpanel"] input' },
];

interface Fixtures {
  /** A context with an empty cache, signed in as the user whom the environment names. */
  cold: (options?: { signedIn?: boolean }) => Promise<BrowserContext>;
  /** The cookies of a new session, as a header. */
  cookies: () => Promise<string>;
  /** A trace that the account has: the one that E2E_TRACE names, or one of several spans. */
  traceId: string;
  /** Keeps figures under a name, in the file that MEASURE_FILE names if it does. */
  keep: (name: string, figures: unknown) => void;
}

export const test = base.extend<Fixtures>({
  baseURL: async ({}, use) => use(needed("E2E_DASHBOARD_URL")),
  cold: async ({ browser, baseURL }, use) => {
    const state = await signedInState(browser, baseURL ?? "");
    const opened: BrowserContext[] = [];
    await use(async ({ signedIn = true } = {}) => {
      const context = await browser.newContext({
        ...(baseURL ? { baseURL } : {}),
        viewport: { width: 1440, height: 900 },
        ...(signedIn ? { storageState: state } : {}),
      });
      opened.push(context);
      return context;
    });
    await Promise.all(opened.map((context) => context.close()));
  },
  cookies: async ({ browser, baseURL }, use) => {
    await use(async () => (await signedInState(browser, baseURL ?? "")).cookies.map(({ name, value }) => `${name}=${value}`).join("; "));
  },
  traceId: async ({ cold }, use) => {
    const context = await cold();
    const answer = await context.request.get("/api/gw/api/v1/traces?range=30d&limit=50&min_span_count=5");
    const { data } = (await answer.json()) as { data: { trace_id: string }[] };
    await use(process.env.E2E_TRACE || (data[0]?.trace_id ?? ""));
  },
  keep: async ({}, use) => {
    await use((name, figures) => {
      const file = process.env.MEASURE_FILE;
      if (!file) return;
      const kept = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
      writeFileSync(file, JSON.stringify({ ...kept, [name]: figures }));
    });
  },
});

async function signedInState(browser: Browser, baseURL: string) {
  const context = await browser.newContext({ baseURL });
  const answer = await context.request.post("/api/session/login", {
    data: { email: needed("E2E_EMAIL"), password: needed("E2E_PASSWORD") },
    headers: { origin: baseURL, "sec-fetch-site": "same-origin" },
  });
  if (!answer.ok()) throw new Error(`signing in was answered with ${answer.status()}: ${await answer.text()}`);
  const state = await context.storageState();
  await context.close();
  return state;
}

/** Waits until a page shows what it is about, and asks for nothing more. */
export async function arrive(page: Page, { path, shows }: Pick<Place, "path" | "shows">): Promise<void> {
  await page.goto(path);
  await page.locator(shows).first().waitFor();
  await page.waitForLoadState("networkidle");
}

/** The middle of numbers. */
export function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.floor(ordered.length / 2)] ?? Number.NaN;
}

export function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}
