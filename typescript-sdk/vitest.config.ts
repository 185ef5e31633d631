import { defineConfig } from "vitest/config";

const shared = { esbuild: { target: "es2022" } } as const;

export default defineConfig({
  ...shared,
  test: {
    projects: [
      {
        ...shared,
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts"],
          setupFiles: ["tests/support/failures.ts"],
          testTimeout: 30_000,
        },
      },
      { ...shared, test: { name: "package", include: ["tests/package/**/*.test.ts"] } },
      {
        ...shared,
        test: {
          name: "platform",
          include: ["tests/platform/**/*.test.ts"],
          setupFiles: ["tests/support/failures.ts"],
          globalSetup: ["tests/support/platform.ts"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
