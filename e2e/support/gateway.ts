import { type APIRequestContext, type APIResponse, expect } from "@playwright/test";

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** An address with its parameters, lists as repeated ones. */
export function addressOf(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of [value].flat()) if (item !== undefined) search.append(name, String(item));
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}

async function bodyOf<Body>(answer: APIResponse): Promise<Body> {
  expect(answer, `${answer.url()}: ${await answer.text()}`).toBeOK();
  return (await answer.json()) as Body;
}

/** Asks the gateway; what it answers with an error fails the test. */
export class Gateway {
  constructor(readonly request: APIRequestContext) {}

  async body<Body>(path: string, query?: Query): Promise<Body> {
    return bodyOf(await this.request.get(addressOf(path, query)));
  }

  async data<Data>(path: string, query?: Query): Promise<Data> {
    return (await this.body<{ data: Data }>(path, query)).data;
  }

  /** All pages of a list. */
  async all<Row>(path: string, query: Query): Promise<Row[]> {
    const rows: Row[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.body<{ data: Row[]; pagination: { cursor: string | null } }>(path, { ...query, limit: 100, cursor });
      rows.push(...page.data);
      cursor = page.pagination.cursor ?? undefined;
    } while (cursor !== undefined);
    return rows;
  }

  async post<Body>(path: string, data: unknown, headers: Record<string, string> = {}): Promise<Body> {
    return bodyOf(await this.request.post(path, { data, headers: { "content-type": "application/json", ...headers } }));
  }

  async put<Body>(path: string, data: unknown): Promise<Body> {
    return bodyOf(await this.request.put(path, { data }));
  }

  /** Waits until something can be read. */
  async until(path: string): Promise<void> {
    await expect.poll(async () => (await this.request.get(path)).status(), { message: path, intervals: [50, 100, 200] }).toBe(200);
  }

  /** Waits until all of a request is stored, refused or set aside. */
  async settle(receiptId: string, key: string): Promise<void> {
    const state = async () => {
      const answer = await this.request.get(`/api/v1/receipts/${receiptId}`, { headers: { authorization: `Bearer ${key}` } });
      return answer.ok() ? ((await answer.json()) as { state: string }).state : "unknown";
    };
    await expect.poll(state, { message: "state of the receipt", intervals: [50, 100, 200, 400], timeout: 30_000 }).not.toMatch(/queued|unknown/);
  }
}
