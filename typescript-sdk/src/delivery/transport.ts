/** A request to the platform. */
export interface OutgoingRequest {
  readonly method: "GET" | "POST";
  /** Path below the endpoint. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** What the platform answered. */
export interface Answer {
  readonly status: number;
  readonly receiptId?: string;
  /** Value of `Retry-After` in milliseconds. */
  readonly retryAfterMs?: number;
  readonly text: string;
}

/** Carries one request; throws when there was no answer. */
export type Transport = (request: OutgoingRequest) => Promise<Answer>;

/** Longest time that one request may take. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Most characters of an answer that are read. */
export const MAX_ANSWER = 64 * 1024;

const MAX_RETRY_AFTER_MS = 600_000;

/** Reads the headers of an answer. */
export function readAnswer(status: number, header: (name: string) => string | undefined, text: string): Answer {
  const receiptId = header("x-receipt-id");
  const retryAfterMs = readRetryAfter(header("retry-after"));
  return {
    status,
    text,
    ...(receiptId !== undefined && /^[0-9A-Za-z-]{1,64}$/.test(receiptId) ? { receiptId } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

function readRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const wait = /^\d+$/.test(value.trim()) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(wait) ? Math.min(Math.max(0, wait), MAX_RETRY_AFTER_MS) : undefined;
}

/** Carries requests by `fetch`, which every runtime has. */
export function fetchTransport(endpoint: string): Transport {
  return async (request) => {
    const answer = await fetch(endpoint + request.path, {
      method: request.method,
      headers: request.headers,
      redirect: "manual",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(request.body === undefined ? {} : { body: request.body as Uint8Array<ArrayBuffer> }),
    });
    const text = (await answer.text()).slice(0, MAX_ANSWER);
    return readAnswer(answer.status, (name) => answer.headers.get(name) ?? undefined, text);
  };
}
