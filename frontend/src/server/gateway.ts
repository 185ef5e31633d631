import "server-only";
import { createHash } from "node:crypto";
import type { NextRequest } from "next/server";
import type { Tokens } from "@/server/cookies";
import { gatewayUrl } from "@/server/config";

/** How long an exchange of a refresh token is remembered: requests that left together carry the same one. */
const REMEMBERED_MS = 10_000;
const PASSED_ON = ["accept", "accept-language", "content-type", "idempotency-key", "range", "user-agent", "x-forwarded-for", "x-request-id"];
const PASSED_BACK = [
  "accept-ranges",
  "cache-control",
  "content-disposition",
  "content-length",
  "content-range",
  "content-type",
  "etag",
  "location",
  "retry-after",
  "x-receipt-id",
  "x-request-id",
];

const exchanges = new Map<string, Promise<Tokens | null>>();

/** Headers of a browser's request that the gateway gets to see. */
export function forwardedHeaders(request: NextRequest): Headers {
  return pick(request.headers, PASSED_ON);
}

/** Headers of the gateway's answer that the browser gets to see. */
export function answeredHeaders(answer: Response): Headers {
  const headers = pick(answer.headers, PASSED_BACK);
  // fetch has taken the encoding off the body, so its length is no longer that of the header.
  if (answer.headers.has("content-encoding")) headers.delete("content-length");
  return headers;
}

function pick(from: Headers, names: readonly string[]): Headers {
  const headers = new Headers();
  for (const name of names) {
    const value = from.get(name);
    if (value !== null) headers.set(name, value);
  }
  return headers;
}

/** Asks the gateway; `path` begins with a slash. */
export function callGateway(path: string, init: RequestInit): Promise<Response> {
  return fetch(`${gatewayUrl()}${path}`, { ...init, cache: "no-store", redirect: "manual" });
}

/**
 * Exchanges a refresh token, once, however many requests carry it: the gateway ends a session whose token comes twice.
 *
 * Answers null when the session has ended, and throws when the gateway cannot tell.
 */
export function refreshOnce(refreshToken: string): Promise<Tokens | null> {
  const key = createHash("sha256").update(refreshToken).digest("base64");
  let exchange = exchanges.get(key);
  if (exchange === undefined) {
    exchange = refresh(refreshToken);
    exchanges.set(key, exchange);
    const forget = () => setTimeout(() => exchanges.delete(key), REMEMBERED_MS).unref();
    exchange.then(forget, () => exchanges.delete(key));
  }
  return exchange;
}

async function refresh(refreshToken: string): Promise<Tokens | null> {
  const answer = await callGateway("/api/v1/auth/refresh", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ refresh_token: refreshToken }),
  });
  if (answer.ok) return (await answer.json()) as Tokens;
  if (answer.status < 500 && answer.status !== 429) return null;
  throw new Error(`the gateway answered ${answer.status}`);
}
