import createClient from "openapi-fetch";
import { ApiError, errorOf } from "@/api/errors";
import type { paths } from "@/api/schema";

/** The gateway, reached through this dashboard's server, which adds who is asking. */
export const client = createClient<paths>({
  baseUrl: `${typeof window === "undefined" ? "http://dashboard.invalid" : window.location.origin}/api/gw`,
  // Looked up at each call, so that tests can put another in its place.
  fetch: (request) => globalThis.fetch(request),
});

type Result<Body> = { data?: Body; error?: unknown; response: Response };

/**
 * Returns the body of an answer.
 *
 * @throws {ApiError} The answer is an error, or there is none.
 */
export async function bodyOf<Body>(call: Promise<Result<Body>>): Promise<Body> {
  let result: Result<Body>;
  try {
    result = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The dashboard's server cannot be reached.", [], null, null);
  }
  if (!result.response.ok) throw errorOf(result.response, result.error);
  return result.data as Body;
}

/** Returns the data of an enveloped answer. */
export async function dataOf<Data>(call: Promise<Result<{ data: Data }>>): Promise<Data> {
  return (await bodyOf(call)).data;
}

/** Begins, changes or ends the session; these answers carry no tokens. */
export async function session(action: "login" | "register" | "accept" | "switch" | "logout", body: object = {}): Promise<void> {
  let response: Response;
  try {
    response = await fetch(`/api/session/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, "unreachable", "The dashboard's server cannot be reached.", [], null, null);
  }
  if (!response.ok) throw errorOf(response, await response.json().catch(() => null));
}
