import { after } from "next/server";
import { obs } from "../../../obs";

export const runtime = "edge";

/** A route on the edge runtime: the same, without Node's modules. */
export async function POST(request: Request): Promise<Response> {
  const { question } = (await request.json()) as { question: string };
  after(() => obs.flush());
  const answer = await obs.trace("next-edge", (span) => {
    span.setInput(question);
    return obs.span("answer", { kind: "llm" }, () => Promise.resolve(`You asked: ${question}`));
  });
  return Response.json({ answer });
}
