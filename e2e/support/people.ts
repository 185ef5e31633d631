import { randomUUID } from "node:crypto";
import { type APIRequest, type BrowserContext, type Cookie, expect } from "@playwright/test";
import { Gateway } from "./gateway";

export type Role = "owner" | "admin" | "member" | "viewer" | "billing";

export interface Account {
  email: string;
  password: string;
  full_name: string;
  workspace: string;
}

/** Somebody with an account: at the gateway, and with the cookies of a session at the dashboard. */
export interface Person {
  account: Account;
  workspaceId: string;
  gateway: Gateway;
  cookies: Cookie[];
}

interface TokenAnswer {
  access_token: string;
  workspace: { id: string };
}

/** An account that nobody has yet. */
export function newAccount(names: Partial<Pick<Account, "full_name" | "workspace">> = {}): Account {
  const unique = randomUUID().slice(0, 8);
  return {
    email: `ada-${unique}@example.com`,
    password: `A-long-${unique}-password1`,
    full_name: names.full_name ?? "Ada Lovelace",
    workspace: names.workspace ?? `Engines ${unique}`,
  };
}

/** Registers and invites people, and signs them in, without a page. */
export class People {
  private readonly gateways: Gateway[] = [];

  constructor(
    private readonly requests: APIRequest,
    readonly dashboardUrl: string,
    readonly gatewayUrl: string,
  ) {}

  /** The gateway as somebody with a token, or a key, sees it. */
  async gatewayFor(token?: string): Promise<Gateway> {
    const headers = token === undefined ? {} : { extraHTTPHeaders: { authorization: `Bearer ${token}` } };
    const gateway = new Gateway(await this.requests.newContext({ baseURL: this.gatewayUrl, ...headers }));
    this.gateways.push(gateway);
    return gateway;
  }

  async register(account: Account = newAccount()): Promise<Person> {
    const { email, password, full_name, workspace } = account;
    await (await this.gatewayFor()).post("/api/v1/auth/register", { email, password, full_name, workspace_name: workspace });
    return this.signIn(account);
  }

  /** Invites somebody by a link, and lets them follow it. */
  async invite(owner: Person, role: Exclude<Role, "owner">, name = `Grace of role ${role}`): Promise<Person> {
    const account = { ...newAccount({ full_name: name }), workspace: owner.account.workspace };
    const { email, password, full_name } = account;
    const invited = await owner.gateway.post<{ data: { link: string } }>("/api/v1/team/invite", { email, role });
    const token = new URL(invited.data.link).searchParams.get("token");
    await (await this.gatewayFor()).post("/api/v1/team/accept", { token, full_name, password });
    return this.signIn(account);
  }

  async signIn(account: Account): Promise<Person> {
    const { email, password } = account;
    const answer = await (await this.gatewayFor()).post<TokenAnswer>("/api/v1/auth/login", { email, password });
    const gateway = await this.gatewayFor(answer.access_token);
    return { account, workspaceId: answer.workspace.id, gateway, cookies: await this.cookiesOf(account) };
  }

  /** The cookies of another session of somebody. */
  async cookiesOf({ email, password }: Pick<Account, "email" | "password">): Promise<Cookie[]> {
    const dashboard = await this.requests.newContext({ baseURL: this.dashboardUrl, extraHTTPHeaders: { origin: this.dashboardUrl } });
    const answer = await dashboard.post("/api/session/login", { data: { email, password } });
    expect(answer, await answer.text()).toBeOK();
    const { cookies } = await dashboard.storageState();
    await dashboard.dispose();
    return cookies;
  }

  /** A key of a workspace. */
  async key({ gateway }: Person, scopes: readonly string[] = ["ingest"], name = "tests"): Promise<string> {
    return (await gateway.post<{ key: string }>("/api/v1/api-keys", { name, scopes })).key;
  }

  async close(): Promise<void> {
    await Promise.all(this.gateways.map(({ request }) => request.dispose()));
  }
}

/** Lets the pages of a context be those of somebody. */
export async function enterAs(context: BrowserContext, person: Person): Promise<void> {
  await context.clearCookies();
  await context.addCookies(person.cookies);
}
