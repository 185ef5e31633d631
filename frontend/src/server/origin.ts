import "server-only";
import type { NextRequest } from "next/server";
import { isSecure } from "@/server/cookies";

/** Whether a request that changes something comes from a page of this dashboard. */
export function isSameOrigin(request: NextRequest): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = request.headers.get("origin");
  const host = request.headers.get("x-forwarded-host") ?? request.headers.get("host");
  return origin !== null && host !== null && origin === `${isSecure(request) ? "https" : "http"}://${host}`;
}
