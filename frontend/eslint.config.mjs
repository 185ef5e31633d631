import { defineConfig, globalIgnores } from "eslint/config";
import nextVitals from "eslint-config-next/core-web-vitals";
import nextTypes from "eslint-config-next/typescript";

export default defineConfig([
  ...nextVitals,
  ...nextTypes,
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-console": "error",
      eqeqeq: "error",
      "no-restricted-imports": ["error", { paths: [{ name: "next/link", message: "Use @/components/link, which loads a page when somebody comes near." }] }],
      // What traces contain is hostile: it is shown as text, and never as markup.
      "react/no-danger": "error",
    },
  },
  globalIgnores([".next/**", ".build/**", "next-env.d.ts", "src/api/schema.d.ts"]),
]);
