// Delivers what others have left in the spool, until nothing is left.
import { readdirSync } from "node:fs";
import { AgentObservability } from "../../../dist/index.js";

const obs = new AgentObservability();
const isLeft = () =>
  readdirSync(process.env.AGENTOBS_SPOOL_DIR, { recursive: true }).some((name) => /\.(batch|sent)$/.test(String(name)));
const deadline = Date.now() + 90_000;
while (isLeft() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
await obs.shutdown();
process.exitCode = isLeft() ? 1 : 0;
