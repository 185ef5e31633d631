import { randomBytes } from "node:crypto";
import { inject } from "vitest";

/** A trace as the platform shows it. */
export interface ShownTrace {
  trace_id: string;
  name: string;
  agent_id: string | null;
  span_count: number;
  llm_call_count: number;
  tool_call_count: number;
  error_count: number;
  status: string;
  tokens_input: number | null;
  tokens_output: number | null;
  cost_usd: number | null;
  models: string[];
  user_id: string | null;
  session_id: string | null;
  environment: string | null;
  release: string | null;
  tags: string[];
  metadata: Record<string, string>;
  input_preview: string | null;
  output_preview: string | null;
}

/** A span of a trace as the platform shows it. */
export interface ShownSpan {
  span_id: string;
  parent_span_id: string | null;
  name: string;
  kind: string;
  status: string;
  model: string | null;
  tokens_input: number | null;
  tokens_output: number | null;
  cost_usd: number | null;
  error: { type: string | null; message: string | null } | null;
}

interface Health {
  received_spans: number;
  stored_spans: number;
  duplicate_spans: number;
  rejected_spans: number;
  client_reported: { created: number; delivered: number; sampled: number; dropped: Record<string, number> };
}

/** A fresh workspace on the real platform, with a key that may send and read. */
export class Workspace {
  private constructor(
    readonly endpoint: string,
    readonly apiKey: string,
  ) {}

  static async create(): Promise<Workspace> {
    const endpoint = inject("gateway");
    const post = async (path: string, body: object, token?: string): Promise<Record<string, string>> => {
      const headers = { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) };
      const answer = await fetch(endpoint + path, { method: "POST", headers, body: JSON.stringify(body) });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return (await answer.json()) as Record<string, string>;
    };
    const name = randomBytes(8).toString("hex");
    const account = {
      email: `${name}@example.com`,
      full_name: "Test",
      password: randomBytes(16).toString("hex"),
      workspace_name: name,
    };
    const { access_token: token } = await post("/api/v1/auth/register", account);
    const { key } = await post("/api/v1/api-keys", { name: "sdk", scopes: ["ingest", "read"] }, token);
    if (key === undefined) throw new Error("no key");
    return new Workspace(endpoint, key);
  }

  async get<T>(path: string): Promise<T> {
    const answer = await fetch(this.endpoint + path, { headers: { authorization: `Bearer ${this.apiKey}` } });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }

  health(): Promise<Health> {
    return this.get<Health>("/api/v1/ingestion/health");
  }

  /** All traces, newest first. */
  async traces(query = ""): Promise<ShownTrace[]> {
    const traces: ShownTrace[] = [];
    for (let cursor: string | null = ""; cursor !== null;) {
      const page: { data: ShownTrace[]; pagination: { cursor: string | null; has_more: boolean } } = await this.get(
        `/api/v1/traces?range=24h&limit=200${query}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      );
      traces.push(...page.data);
      cursor = page.pagination.has_more ? page.pagination.cursor : null;
    }
    return traces;
  }

  async spans(traceId: string): Promise<ShownSpan[]> {
    return (await this.get<{ data: { spans: ShownSpan[] } }>(`/api/v1/traces/${traceId}`)).data.spans;
  }
}
