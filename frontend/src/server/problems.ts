import "server-only";
import { NextResponse } from "next/server";

/** An error in the form of the gateway's. */
export function problem(status: number, code: string, message: string): NextResponse {
  const headers = { "cache-control": "no-store" };
  return NextResponse.json({ status: "error", error: { code, message, details: [] }, meta: {} }, { status, headers });
}

export const CROSS_SITE = () => problem(403, "cross_site_request", "This request came from another site.");
export const UNREACHABLE = () => problem(503, "gateway_unreachable", "The platform cannot be reached at the moment.");
