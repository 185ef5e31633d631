import { defineConfig } from "eslint/config";
import dashboard from "../frontend/eslint.config.mjs";

export default defineConfig([
  ...dashboard,
  {
    settings: { next: { rootDir: "../frontend" } },
    // A fixture hands over by calling use, which is no hook of React.
    rules: { "react-hooks/rules-of-hooks": "off" },
  },
]);
