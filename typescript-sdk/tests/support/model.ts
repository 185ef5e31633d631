import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const USAGE = {
  prompt_tokens: 1234,
  completion_tokens: 56,
  total_tokens: 1290,
  prompt_tokens_details: { cached_tokens: 1024 },
  completion_tokens_details: { reasoning_tokens: 16 },
};
const MODEL = "gpt-4o-2024-08-06";
const WORDS = ["It ", "is ", "on ", "its ", "way."];

interface ChatRequest {
  model: string;
  stream?: boolean;
  messages: { role: string; content: unknown }[];
  tools?: { function: { name: string } }[];
}

/**
 * A model server that speaks OpenAI's chat completions. What it does is up to the last message: `fail` is answered with
 * 500, `refuse` with 401, `hang` not at all, `slow` in words without an end; tools are called once, and then the answer
 * comes.
 */
export class ModelServer {
  calls = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => (body += text));
      request.on("end", () => {
        this.calls += 1;
        if (request.url?.endsWith("/responses")) this.#respond(JSON.parse(body) as { stream?: boolean }, response);
        else if (request.url?.endsWith("/embeddings")) this.#embed(response);
        else this.#answer(JSON.parse(body) as ChatRequest, response);
      });
    });
  }

  static async start(): Promise<ModelServer> {
    const server = new ModelServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get baseURL(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: ChatRequest, response: ServerResponse): void {
    const last = request.messages.at(-1);
    const said = JSON.stringify(last?.content);
    if (said.includes("hang")) return;
    if (said.includes("fail"))
      return this.#json(response, 500, { error: { message: "the model broke", type: "server_error" } });
    if (said.includes("refuse"))
      return this.#json(response, 401, { error: { message: "bad key", type: "invalid_request_error" } });
    const tool = last?.role === "user" ? request.tools?.[0]?.function.name : undefined;
    if (request.stream) return void this.#stream(response, tool, said.includes("slow"));
    const call = tool && [{ id: "call_1", type: "function", function: { name: tool, arguments: '{"order":"7"}' } }];
    this.#json(response, 200, {
      id: `chatcmpl-${this.calls}`,
      object: "chat.completion",
      created: 1_769_860_800,
      model: MODEL,
      usage: USAGE,
      choices: [
        {
          index: 0,
          finish_reason: tool ? "tool_calls" : "stop",
          message: { role: "assistant", content: tool ? null : WORDS.join(""), ...(call ? { tool_calls: call } : {}) },
        },
      ],
    });
  }

  #respond(request: { stream?: boolean }, response: ServerResponse): void {
    const whole = {
      id: `resp_${this.calls}`,
      object: "response",
      status: "completed",
      model: MODEL,
      usage: {
        input_tokens: 1234,
        output_tokens: 56,
        total_tokens: 1290,
        input_tokens_details: { cached_tokens: 1024 },
        output_tokens_details: { reasoning_tokens: 16 },
      },
      output: [
        {
          type: "message",
          id: "m_1",
          role: "assistant",
          status: "completed",
          content: [{ type: "output_text", text: WORDS.join(""), annotations: [] }],
        },
        {
          type: "function_call",
          id: "f_1",
          call_id: "call_1",
          name: "lookup",
          arguments: '{"order":"7"}',
          status: "completed",
        },
      ],
    };
    if (!request.stream) return this.#json(response, 200, whole);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (type: string, rest: object): void =>
      void response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
    send("response.created", { response: { ...whole, status: "in_progress", output: [], usage: null } });
    for (const delta of WORDS)
      send("response.output_text.delta", { item_id: "m_1", output_index: 0, content_index: 0, delta });
    send("response.completed", { response: whole });
    response.end();
  }

  #embed(response: ServerResponse): void {
    this.#json(response, 200, {
      object: "list",
      model: "text-embedding-3-small",
      data: [{ object: "embedding", index: 0, embedding: [0.1, 0.2] }],
      usage: { prompt_tokens: 8, total_tokens: 8 },
    });
  }

  #json(response: ServerResponse, status: number, body: object): void {
    response
      .writeHead(status, { "content-type": "application/json", "x-should-retry": "false" })
      .end(JSON.stringify(body));
  }

  async #stream(response: ServerResponse, tool: string | undefined, isEndless: boolean): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const id = `chatcmpl-${this.calls}`;
    const send = (delta: object, rest: object = {}): void => {
      const chunk = {
        id,
        object: "chat.completion.chunk",
        created: 1_769_860_800,
        model: MODEL,
        choices: [{ index: 0, delta, finish_reason: null, ...rest }],
      };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    if (tool)
      send({
        role: "assistant",
        tool_calls: [
          { index: 0, id: "call_1", type: "function", function: { name: tool, arguments: '{"order":"7"}' } },
        ],
      });
    else {
      do {
        for (const word of WORDS) {
          send({ role: "assistant", content: word });
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      } while (isEndless && !response.destroyed);
    }
    send({}, { finish_reason: tool ? "tool_calls" : "stop" });
    response.write(
      `data: ${JSON.stringify({ id, object: "chat.completion.chunk", created: 1_769_860_800, model: MODEL, choices: [], usage: USAGE })}\n\n`,
    );
    response.end("data: [DONE]\n\n");
  }
}
