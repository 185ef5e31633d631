import { NextResponse } from "next/server";
import { callGateway } from "@/server/gateway";

export const dynamic = "force-dynamic";

const PATIENCE_MS = 2_000;

/** Says whether the gateway, without which no page shows anything, can be reached. */
export async function GET(): Promise<NextResponse> {
  const reached = await callGateway("/health", { signal: AbortSignal.timeout(PATIENCE_MS) }).then(
    (answer) => answer.ok,
    () => false,
  );
  return NextResponse.json(
    { status: reached ? "ready" : "degraded", checks: { gateway: reached ? "ok" : "unreachable" } },
    { status: reached ? 200 : 503, headers: { "cache-control": "no-store" } },
  );
}
