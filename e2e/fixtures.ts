import { randomUUID } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import { type APIRequestContext, type ConsoleMessage, type Page, expect, test as base } from "@playwright/test";

const THEMES = ["light", "dark"] as const;
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

export interface Account {
  email: string;
  password: string;
  workspace: string;
}

/** Fields of a trace as plain JSON; those that are left out get a plain value. */
export type TraceFields = Readonly<Record<string, unknown>> & { trace_id?: string };

interface Fixtures {
  /** Address of the gateway, as senders use it. */
  gatewayUrl: string;
  /** A registered account with an empty workspace of its own. */
  account: Account;
  /** The gateway, as the account: what pages show can be compared with what it answers. */
  api: APIRequestContext;
  /** A page on which the account is signed in, at its home. */
  signedIn: Page;
  /** Sends one trace, with the account's key or the one given, and returns its id. */
  sendTrace: (fields?: TraceFields, key?: string) => Promise<string>;
  /** Sends one trace and waits until it can be read. */
  storeTrace: (fields?: TraceFields) => Promise<string>;
  /** Messages of the console that a test expects; each must be a part of one. */
  expectedMessages: string[];
  /** Fails the test for any other error, warning or exception of its pages. */
  quietConsole: void;
}

export const test = base.extend<Fixtures>({
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
  account: async ({ playwright, gatewayUrl }, use) => {
    const account = newAccount();
    const request = await playwright.request.newContext({ baseURL: gatewayUrl });
    const answer = await request.post("/api/v1/auth/register", {
      data: { email: account.email, password: account.password, full_name: "Ada Lovelace", workspace_name: account.workspace },
    });
    expect(answer, await answer.text()).toBeOK();
    await request.dispose();
    await use(account);
  },
  api: async ({ playwright, gatewayUrl, account }, use) => {
    const stranger = await playwright.request.newContext({ baseURL: gatewayUrl });
    const { email, password } = account;
    const { access_token: token } = (await (await stranger.post("/api/v1/auth/login", { data: { email, password } })).json()) as {
      access_token: string;
    };
    await stranger.dispose();
    const api = await playwright.request.newContext({ baseURL: gatewayUrl, extraHTTPHeaders: { authorization: `Bearer ${token}` } });
    await use(api);
    await api.dispose();
  },
  signedIn: async ({ page, account }, use) => {
    await page.goto("/login");
    await signIn(page, account);
    await page.waitForURL("**/dashboard");
    await use(page);
  },
  sendTrace: async ({ playwright, gatewayUrl, api }, use) => {
    const sender = await playwright.request.newContext({ baseURL: gatewayUrl });
    let own: string | undefined;
    await use(async (fields = {}, key) => {
      if (key === undefined) own ??= await makeKey(api);
      const trace = { ...plainTrace(), ...fields };
      const answer = await sender.post("/api/v1/traces", { data: trace, headers: { authorization: `Bearer ${key ?? own}` } });
      expect(answer.status(), await answer.text()).toBe(202);
      return trace.trace_id;
    });
    await sender.dispose();
  },
  storeTrace: async ({ api, sendTrace }, use) => {
    await use(async (fields) => {
      const id = await sendTrace(fields);
      await expect.poll(async () => (await api.get(`/api/v1/traces/${encodeURIComponent(id)}`)).status()).toBe(200);
      return id;
    });
  },
});

export { expect };

/** An account that nobody has yet. */
export function newAccount(): Account {
  const unique = randomUUID().slice(0, 8);
  return { email: `ada-${unique}@example.com`, password: `A-long-${unique}-password1`, workspace: `Engines ${unique}` };
}

/** Fills in and sends the form of the sign-in that the page shows. */
export async function signIn(page: Page, { email, password }: Pick<Account, "email" | "password">): Promise<void> {
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Runs a check in the light and in the dark theme. */
export async function inBothThemes(page: Page, check: (theme: string) => Promise<void>): Promise<void> {
  for (const theme of THEMES) {
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator("html")).toHaveClass(new RegExp(`\\b${theme}\\b`));
    await check(theme);
  }
}

/** Fails where the page breaks a rule of WCAG 2.2, levels A and AA, in either theme. */
export async function expectAccessible(page: Page): Promise<void> {
  await inBothThemes(page, async (theme) => {
    const { violations } = await new AxeBuilder({ page }).withTags(AXE_TAGS).analyze();
    const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${theme} ${id}: ${node.html}\n${node.failureSummary}`));
    expect(found).toEqual([]);
  });
}

async function makeKey(api: APIRequestContext): Promise<string> {
  const answer = await api.post("/api/v1/api-keys", { data: { name: "tests", scopes: ["ingest"] } });
  expect(answer, await answer.text()).toBeOK();
  return ((await answer.json()) as { key: string }).key;
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
