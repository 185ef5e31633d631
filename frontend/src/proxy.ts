import { type NextRequest, NextResponse } from "next/server";
import { OPEN_PAGES } from "@/lib/open-pages";
import { publicGatewayUrl } from "@/server/config";
import { readTokens } from "@/server/cookies";

/** Sends strangers to the sign-in, and gives each page a policy that runs only scripts of this server. */
export function proxy(request: NextRequest): NextResponse {
  const { pathname, search } = request.nextUrl;
  if (pathname !== "/" && pathname.endsWith("/")) return redirectTo(new URL(`${pathname.replace(/\/+$/, "")}${search}`, request.url), 308);
  const isOpen = OPEN_PAGES.includes(pathname);
  const { access, refresh } = readTokens(request);
  const isKnown = access !== undefined || refresh !== undefined;
  if (!isOpen && !isKnown) {
    const target = new URL("/login", request.url);
    if (pathname !== "/") target.searchParams.set("next", `${pathname}${search}`);
    return redirectTo(target, 307);
  }
  const nonce = Buffer.from(crypto.randomUUID()).toString("base64");
  const policy = contentPolicy(nonce);
  const headers = new Headers(request.headers);
  headers.set("x-nonce", nonce);
  headers.set("content-security-policy", policy);
  const response = NextResponse.next({ request: { headers } });
  response.headers.set("content-security-policy", policy);
  return response;
}

function redirectTo(target: URL, status: 307 | 308): NextResponse {
  return NextResponse.redirect(target, { status, headers: { "cache-control": "no-store", "content-security-policy": "default-src 'none'; frame-ancestors 'none'" } });
}

function contentPolicy(nonce: string): string {
  // The development server evaluates what it reloads.
  const development = process.env.NODE_ENV === "development" ? " 'unsafe-eval'" : "";
  const gateway = new URL(publicGatewayUrl());
  const socket = `${gateway.protocol === "https:" ? "wss" : "ws"}://${gateway.host}`;
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${development}`,
    // Charts and virtual lists place what they draw by style attributes.
    "style-src 'self' 'unsafe-inline'",
    // Pictures in traces are data; anything remote would tell its server who reads the trace.
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "worker-src 'self'",
    `connect-src 'self' ${socket}`,
    "frame-src 'none'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

export const config = {
  matcher: ["/((?!api/|_next/|favicon|icon|health$|ready$).*)"],
};
