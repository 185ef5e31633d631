import { defineConfig, type Options } from "tsup";

const shared = { format: ["esm", "cjs"], dts: true } satisfies Options;

export default defineConfig([
  {
    ...shared,
    entry: ["src/index.ts", "src/testing.ts"],
    target: "node20",
    platform: "node",
    splitting: true,
    shims: true,
  },
  {
    // Edge runtimes get OpenTelemetry as browsers do, within the file: its packages name Node's modules where bundlers look first.
    ...shared,
    entry: ["src/edge.ts"],
    target: "es2022",
    platform: "browser",
    splitting: false,
    noExternal: [/^@opentelemetry\/(?!api)/],
    external: ["@opentelemetry/api"],
  },
]);
