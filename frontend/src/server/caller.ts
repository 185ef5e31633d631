import "server-only";
import { cookies, headers } from "next/headers";
import type { MeAnswer } from "@/api/schema";
import { readTokens } from "@/server/cookies";
import { callGateway } from "@/server/gateway";

/** Pages come without it as well: they ask again from the browser. */
const PATIENCE_MS = 1_000;

/**
 * Who asks for the page, as the gateway says now.
 *
 * Null when it cannot be said here: without an access token, since a page cannot hand a renewed one to the browser, with
 * one that is no longer good, and while the gateway does not answer.
 */
export async function readCaller(): Promise<MeAnswer | null> {
  const { access } = readTokens({ headers: await headers(), cookies: await cookies() });
  if (access === undefined) return null;
  try {
    const answer = await callGateway("/api/v1/auth/me", {
      headers: { authorization: `Bearer ${access}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answer.ok ? ((await answer.json()) as MeAnswer) : null;
  } catch {
    return null;
  }
}
