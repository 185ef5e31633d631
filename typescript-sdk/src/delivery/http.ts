import * as http from "node:http";
import * as https from "node:https";
import { MAX_ANSWER, readAnswer, REQUEST_TIMEOUT_MS, type Answer, type Transport } from "./transport";

/**
 * Carries requests by Node's own client: unlike those of `fetch`, its sockets can be told not to keep the process
 * alive, so that a platform that hangs never holds up the end of the application.
 */
export function nodeTransport(endpoint: string): Transport {
  const base = new URL(endpoint);
  const client = base.protocol === "https:" ? https : http;
  const agent = new client.Agent({ keepAlive: true, maxSockets: 8 });
  const prefix = base.pathname.replace(/\/$/, "");
  return (request) =>
    new Promise<Answer>((resolve, reject) => {
      const outgoing = client.request(
        {
          protocol: base.protocol,
          hostname: base.hostname.replace(/^\[|\]$/g, ""),
          port: base.port,
          method: request.method,
          path: prefix + request.path,
          headers: {
            ...request.headers,
            ...(request.body === undefined ? {} : { "content-length": request.body.byteLength }),
          },
          agent,
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          let size = 0;
          incoming.on("data", (chunk: Buffer) => {
            size += chunk.byteLength;
            if (size <= MAX_ANSWER) chunks.push(chunk);
          });
          incoming.on("error", reject);
          incoming.on("end", () => {
            clearTimeout(deadline);
            const header = (name: string): string | undefined => {
              const value = incoming.headers[name];
              return typeof value === "string" ? value : undefined;
            };
            resolve(readAnswer(incoming.statusCode ?? 0, header, Buffer.concat(chunks).toString("utf8")));
          });
        },
      );
      const deadline = setTimeout(() => outgoing.destroy(new Error("no answer in time")), REQUEST_TIMEOUT_MS);
      deadline.unref();
      outgoing.on("socket", (socket) => socket.unref());
      outgoing.on("error", (error) => {
        clearTimeout(deadline);
        reject(error);
      });
      outgoing.end(request.body);
    });
}
