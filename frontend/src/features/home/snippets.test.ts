import { expect, test } from "vitest";
import { snippets } from "@/features/home/snippets";

test("each way says where to send and with which key, the two lines of the SDKs first", () => {
  const ways = snippets("https://traces.example.com", "ao_live_key");
  expect(ways.map(({ name }) => name)).toEqual(["Python", "TypeScript", "OpenTelemetry", "curl"]);
  for (const { code } of ways) {
    expect(code).toContain("https://traces.example.com");
    expect(code).toContain("ao_live_key");
  }
  expect(ways[0]?.code).toContain('obs = AgentObservability(api_key="ao_live_key", endpoint="https://traces.example.com")');
  expect(ways[1]?.code).toContain('new AgentObservability({ apiKey: "ao_live_key", endpoint: "https://traces.example.com" })');
});
