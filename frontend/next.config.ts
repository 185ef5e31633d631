import path from "node:path";
import type { NextConfig } from "next";

/** What holds for every answer; pages have a content policy of their own besides, with a nonce. */
const HEADERS = [
  { key: "Referrer-Policy", value: "same-origin" },
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "X-Frame-Options", value: "DENY" },
  { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=()" },
];
const DATA_POLICY = { key: "Content-Security-Policy", value: "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox" };

const config: NextConfig = {
  headers: () =>
    Promise.resolve([
      { source: "/:path*", headers: HEADERS },
      { source: "/api/:path*", headers: [DATA_POLICY] },
    ]),
  output: "standalone",
  // The repository holds other lock files; without this Next takes the outermost one for the root.
  outputFileTracingRoot: path.join(import.meta.dirname),
  poweredByHeader: false,
  reactStrictMode: true,
  devIndicators: false,
};

export default config;
