import { defineConfig } from "@playwright/test";
import tests from "./playwright.config";

export default defineConfig({
  ...tests,
  testMatch: "pictures.ts",
  globalSetup: "./measure/demo-stack.ts",
  timeout: 900_000,
  use: { ...tests.use, trace: "off", screenshot: "off" },
});
