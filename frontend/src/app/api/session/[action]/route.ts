import { type NextRequest, NextResponse } from "next/server";
import { clearTokens, readTokens, type Tokens, writeTokens } from "@/server/cookies";
import { callGateway, forwardedHeaders, refreshOnce } from "@/server/gateway";
import { isSameOrigin } from "@/server/origin";
import { CROSS_SITE, problem, UNREACHABLE } from "@/server/problems";

/** What begins, changes or ends a session, and where the gateway does it. */
const ACTIONS: Readonly<Record<string, string>> = {
  login: "/api/v1/auth/login",
  register: "/api/v1/auth/register",
  accept: "/api/v1/team/accept",
  switch: "/api/v1/auth/switch",
  logout: "/api/v1/auth/logout",
};

interface TokenAnswer extends Tokens {
  user: unknown;
  workspace: unknown;
}

export async function POST(request: NextRequest, context: { params: Promise<{ action: string }> }): Promise<NextResponse> {
  const path = ACTIONS[(await context.params).action];
  if (path === undefined) return problem(404, "not_found", "There is no such address.");
  if (!isSameOrigin(request)) return CROSS_SITE();
  try {
    return path === ACTIONS.logout ? await logOut(request, path) : await begin(request, path);
  } catch {
    return UNREACHABLE();
  }
}

async function begin(request: NextRequest, path: string): Promise<NextResponse> {
  const body = await request.text();
  const held = path === ACTIONS.switch || path === ACTIONS.accept ? await currentToken(request) : null;
  const headers = forwardedHeaders(request);
  if (held !== null) headers.set("authorization", `Bearer ${held.access}`);
  const answer = await callGateway(path, { method: "POST", headers, body });
  const document: unknown = await answer.json();
  const noStore = { "cache-control": "no-store" };
  if (!answer.ok) {
    const retryAfter = answer.headers.get("retry-after");
    const extra = retryAfter === null ? noStore : { ...noStore, "retry-after": retryAfter };
    const response = NextResponse.json(document, { status: answer.status, headers: extra });
    // The token before it has been used up and would end the session.
    if (held?.renewed) writeTokens(request, response, held.renewed);
    return response;
  }
  const tokens = "data" in (document as object) ? (document as { data: TokenAnswer }).data : (document as TokenAnswer);
  const response = NextResponse.json({ user: tokens.user, workspace: tokens.workspace }, { headers: noStore });
  writeTokens(request, response, tokens);
  return response;
}

async function logOut(request: NextRequest, path: string): Promise<NextResponse> {
  const held = await currentToken(request).catch(() => null);
  if (held !== null) {
    // A session that the gateway cannot end now ends by itself; the browser forgets it in any case.
    await callGateway(path, { method: "POST", headers: { authorization: `Bearer ${held.access}` } }).catch(() => null);
  }
  const response = new NextResponse(null, { status: 204, headers: { "cache-control": "no-store" } });
  clearTokens(request, response);
  return response;
}

/** A token of the caller, and what it was renewed with. */
async function currentToken(request: NextRequest): Promise<{ access: string; renewed: Tokens | null } | null> {
  const { access, refresh } = readTokens(request);
  if (access !== undefined) return { access, renewed: null };
  const renewed = refresh === undefined ? null : await refreshOnce(refresh);
  return renewed === null ? null : { access: renewed.access_token, renewed };
}
