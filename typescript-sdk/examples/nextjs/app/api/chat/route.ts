import { after } from "next/server";
import { obs } from "../../../obs";

/** A route on Node: what is traced is spooled and delivered beside the answer. */
export async function POST(request: Request): Promise<Response> {
  const { question } = (await request.json()) as { question: string };
  // On serverless platforms the process may be frozen once the answer is out.
  after(() => obs.flush());
  const answer = await obs.trace("next-chat", { parent: request.headers }, (span) => {
    span.setInput(question);
    return obs.span("answer", { kind: "llm" }, () => Promise.resolve(`You asked: ${question}`));
  });
  return Response.json({ answer });
}
