import path from "node:path";
import type { NextConfig } from "next";

/** What holds for every answer; pages have a content policy of their own besides, with a nonce. */
const HEADERS = [
  { key: "Referrer-Policy", value: "same-origin" },
  // Browsers heed it over TLS only.
  { key: "Strict-Transport-Security", value: "max-age=31536000; includeSubDomains" },
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=()" },
];
const DATA_POLICY = { key: "Content-Security-Policy", value: "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox" };
const NO_STORE = { key: "Cache-Control", value: "no-store" };
/** A worker takes the policy of its own script, and loads others of this server. */
const SCRIPT_POLICY = { key: "Content-Security-Policy", value: "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'" };
/** What the proxy does not see, and so gives no policy of a page. */
const FILES = ["/_next/:path*", "/favicon:rest(.*)", "/icon:rest(.*)", "/health", "/ready"];

const config: NextConfig = {
  headers: () =>
    Promise.resolve([
      { source: "/:path*", headers: HEADERS },
      { source: "/api/:path*", headers: [DATA_POLICY, NO_STORE] },
      ...FILES.map((source) => ({ source, headers: [DATA_POLICY] })),
      { source: "/_next/static/:path*", headers: [SCRIPT_POLICY] },
    ]),
  // Browsers ask for it where a document names no icon.
  rewrites: () => Promise.resolve([{ source: "/favicon.ico", destination: "/icon.svg" }]),
  output: "standalone",
  // The repository holds other lock files; without this Next takes the outermost one for the root.
  outputFileTracingRoot: path.join(import.meta.dirname),
  // Next's own redirect bears none of the headers; the proxy's does.
  skipTrailingSlashRedirect: true,
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
};

export default config;
