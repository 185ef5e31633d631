import { randomUUID } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import { type APIRequestContext, type ConsoleMessage, type Locator, type Page, expect, test as base } from "@playwright/test";
import type { Gateway } from "./support/gateway";
import { type Account, enterAs, newAccount, People, type Person } from "./support/people";
import { sendTraffic, type Traffic } from "./support/traffic";

const THEMES = ["light", "dark"] as const;
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** Fields of a trace as plain JSON; those that are left out get a plain value. */
export type TraceFields = Readonly<Record<string, unknown>> & { trace_id?: string };

interface Fixtures {
  /** Address of the gateway, as senders use it. */
  gatewayUrl: string;
  /** Somebody with an account and an empty workspace of their own. */
  person: Person;
  /** Their account. */
  account: Account;
  /** The gateway, as they see it: what pages show can be compared with what it answers. */
  api: APIRequestContext;
  /** A page on which that person is signed in, at their home. */
  signedIn: Page;
  /** Sends one trace of that person, waits until it can be read, and returns its id. */
  storeTrace: (fields?: TraceFields) => Promise<string>;
  /** Messages of the console that a test expects; each must be a part of one. */
  expectedMessages: string[];
  /** Fails the test for any other error, warning or exception of its pages. */
  quietConsole: void;
}

/** A workspace that tests share, and only read: making it takes longer than reading it. */
export interface Seeded {
  person: Person;
  gateway: Gateway;
  traffic: Traffic;
}

interface WorkerFixtures {
  people: People;
  seeded: Seeded;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  people: [
    async ({ playwright }, use) => {
      const people = new People(playwright.request, needed("E2E_DASHBOARD_URL"), needed("E2E_GATEWAY_URL"));
      await use(people);
      await people.close();
    },
    { scope: "worker" },
  ],
  seeded: [
    async ({ people }, use) => {
      const person = await people.register();
      await use({ person, gateway: person.gateway, traffic: await sendTraffic(people, person) });
    },
    { scope: "worker", timeout: 120_000 },
  ],
  baseURL: async ({}, use) => use(needed("E2E_DASHBOARD_URL")),
  gatewayUrl: async ({}, use) => use(needed("E2E_GATEWAY_URL")),
  expectedMessages: async ({}, use) => use([]),
  quietConsole: [
    async ({ context, expectedMessages }, use) => {
      const problems: string[] = [];
      context.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) problems.push(describe(message));
      });
      context.on("weberror", (error) => problems.push(`exception: ${error.error().message}`));
      await use();
      const unexpected = problems.filter((problem) => !expectedMessages.some((part) => problem.includes(part)));
      expect(unexpected, "errors and warnings of the browser's console").toEqual([]);
    },
    { auto: true },
  ],
  person: async ({ people }, use) => use(await people.register()),
  account: async ({ person }, use) => use(person.account),
  api: async ({ person }, use) => use(person.gateway.request),
  signedIn: async ({ page, person }, use) => {
    await enterAs(page.context(), person);
    await page.goto("/dashboard");
    await use(page);
  },
  storeTrace: async ({ people, person }, use) => {
    let key: string | undefined;
    await use(async (fields = {}) => {
      key ??= await people.key(person);
      const trace = { ...plainTrace(), ...fields };
      await person.gateway.post("/api/v1/traces", trace, { authorization: `Bearer ${key}` });
      await person.gateway.until(`/api/v1/traces/${encodeURIComponent(trace.trace_id)}`);
      return trace.trace_id;
    });
  },
});

/** Tests of pages that only read: the page is signed in at the shared workspace. */
export const seededTest = test.extend({
  page: async ({ page, seeded }, use) => {
    await enterAs(page.context(), seeded.person);
    await use(page);
  },
});

export { expect, newAccount, type Account };

/** Fills in and sends the form of the sign-in that the page shows. */
export async function signIn(page: Page, { email, password }: Pick<Account, "email" | "password">): Promise<void> {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Opens the palette by its keys, which count from when the page listens to them on. */
export async function openPalette(page: Page): Promise<Locator> {
  const palette = page.getByRole("dialog", { name: "Search and commands" });
  await expect(async () => {
    await page.keyboard.press("Control+k");
    await expect(palette).toBeVisible({ timeout: 500 });
  }).toPass();
  return palette;
}

/** Runs a check in the light and in the dark theme. */
export async function inBothThemes(page: Page, check: (theme: (typeof THEMES)[number]) => Promise<void>): Promise<void> {
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator("html")).toHaveClass(new RegExp(`\\b${theme}\\b`));
    await check(theme);
  }
}

/** Fails where the page breaks a rule of WCAG 2.2, levels A and AA; in the dark theme, which differs in colours, a rule about those. */
export async function expectAccessible(page: Page): Promise<void> {
  await inBothThemes(page, async (theme) => {
    const axe = new AxeBuilder({ page });
    const { violations } = await (theme === "light" ? axe.withTags(AXE_TAGS) : axe.withRules(COLOUR_RULES)).analyze();
    const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${theme} ${id}: ${node.html}\n${node.failureSummary}`));
    expect(found).toEqual([]);
  });
}

function plainTrace() {
  return {
    trace_id: `trace-${randomUUID()}`,
    agent_id: "support-bot",
    timestamp: new Date().toISOString(),
    input: "Where is my parcel?",
    output: "It arrives tomorrow.",
    latency_ms: 420,
    status: "success",
    model: "gpt-4o",
    model_provider: "openai",
    tokens_input: 12,
    tokens_output: 5,
  };
}

function describe(message: ConsoleMessage): string {
  return `${message.type()}: ${message.text()} (${message.location().url})`;
}

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the stack was not started`);
  return value;
}
