import { type NextRequest, NextResponse } from "next/server";
import { clearTokens, readTokens, type Tokens, writeTokens } from "@/server/cookies";
import { answeredHeaders, callGateway, forwardedHeaders, refreshOnce } from "@/server/gateway";
import { isSameOrigin } from "@/server/origin";
import { CROSS_SITE, problem, UNREACHABLE } from "@/server/problems";

// Tokens are handed out by /api/session alone, which keeps them from scripts.
const WITH_TOKENS = ["/api/v1/auth/login", "/api/v1/auth/register", "/api/v1/auth/refresh", "/api/v1/auth/switch", "/api/v1/auth/logout", "/api/v1/team/accept"];
const LARGEST_BODY = 1024 * 1024;

async function handle(request: NextRequest): Promise<NextResponse> {
  // The path as it was sent: ids in it may hold encoded slashes.
  const path = request.nextUrl.pathname.slice("/api/gw".length);
  if (!path.startsWith("/api/v1/") || WITH_TOKENS.includes(path.replace(/\/+$/, ""))) {
    return problem(404, "not_found", "There is no such address.");
  }
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (!isRead && !isSameOrigin(request)) return CROSS_SITE();
  const body = isRead ? undefined : await request.arrayBuffer();
  if (body !== undefined && body.byteLength > LARGEST_BODY) {
    return problem(413, "body_too_large", "The request is too large.");
  }
  try {
    return await pass(request, `${path}${request.nextUrl.search}`, body);
  } catch {
    return UNREACHABLE();
  }
}

async function pass(request: NextRequest, path: string, body: ArrayBuffer | undefined): Promise<NextResponse> {
  const { access, refresh } = readTokens(request);
  let renewed: Tokens | null = null;
  let answer = access === undefined ? null : await ask(request, path, body, access);
  if ((answer === null || answer.status === 401) && refresh !== undefined) {
    renewed = await refreshOnce(refresh);
    if (renewed !== null) answer = await ask(request, path, body, renewed.access_token);
  }
  if (answer === null) answer = await ask(request, path, body, null);
  const response = new NextResponse(answer.body, { status: answer.status, headers: answeredHeaders(answer) });
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  if (renewed !== null) writeTokens(request, response, renewed);
  else if (answer.status === 401) clearTokens(request, response);
  return response;
}

function ask(request: NextRequest, path: string, body: ArrayBuffer | undefined, token: string | null): Promise<Response> {
  const headers = forwardedHeaders(request);
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  return callGateway(path, { method: request.method, headers, body: body ?? null, signal: request.signal });
}

export { handle as DELETE, handle as GET, handle as PATCH, handle as POST, handle as PUT };
