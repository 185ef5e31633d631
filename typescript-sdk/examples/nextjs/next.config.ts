import type { NextConfig } from "next";

export default { serverExternalPackages: ["@agent-observability/sdk"] } satisfies NextConfig;
