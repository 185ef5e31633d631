// Traces as many calls as it is told to and says now and then what became of them; AGENTOBS_* say where to.
import { AgentObservability } from "../../../dist/index.js";

const [count, pauseMs] = process.argv.slice(2).map(Number);
const obs = new AgentObservability({ exitTimeoutMs: 500 });
const say = () => process.stdout.write(`${JSON.stringify(obs.report())}\n`);
for (let made = 1; made <= count; made++) {
  await obs.trace("flood", { sessionId: `s-${process.pid}`, metadata: { number: made } }, async (span) =>
    span.setOutput(`answer ${made}`),
  );
  if (made % 500 === 0) {
    say();
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
say();
process.on("exit", say);
