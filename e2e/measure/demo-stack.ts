import { readFileSync } from "node:fs";
import path from "node:path";
import { startStack } from "../stack";

/**
 * Starts the platform with the demo's data, and returns what stops it.
 *
 * With E2E_DASHBOARD_URL and E2E_GATEWAY_URL set, the stack that they name is measured, as the user whom E2E_EMAIL and
 * E2E_PASSWORD name.
 */
export default async function startDemo(): Promise<(() => void) | undefined> {
  const stack = await startStack(["--demo"]);
  if (stack === undefined) return undefined;
  const { email, password } = JSON.parse(readFileSync(path.join(stack.folder, "demo.json"), "utf8")) as { email: string; password: string };
  process.env.E2E_EMAIL = email;
  process.env.E2E_PASSWORD = password;
  return stack.stop;
}
