// Traces as many calls as it is told to and says now and then what became of them. Between 500 calls it
// makes a pause of so many milliseconds, or with "step" waits for a word.
import { AgentObservability } from "../../../dist/index.js";

const [count, pause] = process.argv.slice(2);
const obs = new AgentObservability(process.env.AGENTOBS_EXIT_TIMEOUT ? {} : { exitTimeoutMs: 500 });
const say = () => process.stdout.write(`${JSON.stringify(obs.report())}\n`);
const ticking = setInterval(say, 20);
for (let made = 1; made <= Number(count); made++) {
  await obs.trace("flood", { sessionId: `s-${process.pid}`, metadata: { number: made } }, async (span) =>
    span.setOutput(`answer ${made}`),
  );
  if (made % 500 > 0) continue;
  say();
  await new Promise((resolve) =>
    pause === "step" ? process.stdin.once("data", resolve) : setTimeout(resolve, Number(pause)),
  );
}
clearInterval(ticking);
process.stdin.destroy();
say();
process.on("exit", say);
