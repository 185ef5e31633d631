/** Methods as spans: an agent that calls tools and says what came of it. */
import { AgentObservability } from "@agent-observability/sdk";

const obs = new AgentObservability({ serviceName: "example-tools" });

class ShopAgent {
  @obs.trace({ kind: "tool" })
  async findOrder(id: string): Promise<{ id: string; state: string }> {
    return Promise.resolve({ id, state: "on its way" });
  }

  @obs.trace({ kind: "retriever" })
  async searchHelp(query: string): Promise<string[]> {
    return Promise.resolve([`How long does ${query} take?`]);
  }

  @obs.trace({ agentId: "shop-agent" })
  async handle(question: string): Promise<string> {
    const order = await this.findOrder("7");
    const [help] = await this.searchHelp("delivery");
    obs.score("grounded", true);
    obs.outcome(true, { name: "answered", valueUsd: 0.5 });
    return `${question} Order ${order.id} is ${order.state}. See also: ${help ?? "–"}`;
  }
}

process.stdout.write(`${await new ShopAgent().handle("Where is it?")}\n`);
