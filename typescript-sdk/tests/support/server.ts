import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** A request as it arrived. */
export interface Arrived {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What to answer; undefined leaves the request without one. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** A server whose answers the test decides, for what the platform itself does only when it is broken or full. */
export class ScriptedServer {
  readonly arrived: Arrived[] = [];
  readonly #server: Server;

  private constructor(reply: (request: Arrived, index: number) => Reply | undefined) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const raw = Buffer.concat(chunks);
        const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
        const arrived = { method: request.method ?? "", path: request.url ?? "", headers: request.headers, body };
        this.arrived.push(arrived);
        const answer = reply(arrived, this.arrived.length - 1);
        if (answer === undefined) return;
        response.writeHead(answer.status, answer.headers);
        response.end(answer.body);
      });
    });
  }

  static async start(reply: (request: Arrived, index: number) => Reply | undefined): Promise<ScriptedServer> {
    const server = new ScriptedServer(reply);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  to(path: string): Arrived[] {
    return this.arrived.filter((one) => one.path === path);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers as the platform does when all is well: a receipt, which says at once that everything is stored. */
export function wellBehaved(request: Arrived): Reply {
  if (request.method === "GET")
    return {
      status: 200,
      body: JSON.stringify({
        state: "stored",
        received: 1,
        stored: 1,
        duplicate: 0,
        rejected: 0,
        dead_lettered: 0,
        reasons: {},
      }),
    };
  return { status: 202, headers: { "x-receipt-id": "0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81" } };
}
