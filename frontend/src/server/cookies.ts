import "server-only";
import type { NextRequest, NextResponse } from "next/server";

const ACCESS = "aobs_access";
const REFRESH = "aobs_refresh";
const REFRESH_SECONDS = 7 * 86_400;

export interface Tokens {
  access_token: string;
  refresh_token: string;
  /** Seconds. */
  expires_in: number;
}

/** Browsers take the prefix, which binds a cookie to this origin, with Secure only. */
function nameOf(name: string, secure: boolean): string {
  return secure ? `__Host-${name}` : name;
}

/** What of a request tells who sent it; handlers, the proxy and pages get it from Next in objects of their own. */
interface Carried {
  headers: Pick<Headers, "get">;
  cookies: { get: (name: string) => { value: string } | undefined };
}

/** Whether the browser reached this server over TLS, which ends at a proxy before it. */
export function isSecure({ headers }: Pick<Carried, "headers">): boolean {
  return headers.get("x-forwarded-proto")?.split(",")[0]?.trim() === "https";
}

/** The tokens that a request carries. */
export function readTokens(request: Carried): { access: string | undefined; refresh: string | undefined } {
  const secure = isSecure(request);
  return {
    access: request.cookies.get(nameOf(ACCESS, secure))?.value,
    refresh: request.cookies.get(nameOf(REFRESH, secure))?.value,
  };
}

/** Hands tokens to the browser, out of reach of scripts. */
export function writeTokens(request: NextRequest, response: NextResponse, tokens: Tokens): void {
  const secure = isSecure(request);
  const common = { httpOnly: true, secure, sameSite: "lax", path: "/" } as const;
  response.cookies.set(nameOf(ACCESS, secure), tokens.access_token, { ...common, maxAge: tokens.expires_in });
  response.cookies.set(nameOf(REFRESH, secure), tokens.refresh_token, { ...common, maxAge: REFRESH_SECONDS });
}

/** Takes the tokens from the browser. */
export function clearTokens(request: NextRequest, response: NextResponse): void {
  const secure = isSecure(request);
  for (const name of [ACCESS, REFRESH]) {
    response.cookies.set(nameOf(name, secure), "", { httpOnly: true, secure, sameSite: "lax", path: "/", maxAge: 0 });
  }
}
