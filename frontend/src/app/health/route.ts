import { NextResponse } from "next/server";

export const dynamic = "force-dynamic";

/** Says that this process is up; whether it is of use is what readiness says. */
export function GET(): NextResponse {
  return NextResponse.json({ status: "ok", service: "dashboard" }, { headers: { "cache-control": "no-store" } });
}
