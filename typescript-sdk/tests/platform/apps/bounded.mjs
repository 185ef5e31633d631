// Traces far more than fits anywhere, with the platform away.
import { AgentObservability } from "../../../dist/index.js";

const obs = new AgentObservability({ exitTimeoutMs: 200 });
for (let made = 1; made <= 300_000; made++) {
  await obs.trace("flood", async (span) => span.setOutput(`${made} ${"x".repeat(2_000)}`));
  if (made % 1_000 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
}
process.on("exit", () => process.stdout.write(JSON.stringify(obs.report())));
