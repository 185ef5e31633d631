import { startStack } from "./stack";

/** Starts the platform with the demo's workspace, of which pictures are made. */
export default async function startDemo(): Promise<(() => void) | undefined> {
  return (await startStack(["--demo"]))?.stop;
}
