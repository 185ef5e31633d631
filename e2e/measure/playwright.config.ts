import { defineConfig } from "@playwright/test";
import base from "../playwright.config";

/** Measurements in Chromium: of a running stack, or of one with the demo's data that is started for them. */
export default defineConfig({
  ...base,
  testDir: ".",
  outputDir: "../../frontend/test-results",
  testMatch: "*.measure.ts",
  globalSetup: "./demo-stack.ts",
  timeout: 900_000,
  reporter: [["line"]],
  use: { ...base.use, trace: "off", screenshot: "off" },
});
