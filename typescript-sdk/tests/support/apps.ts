import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, utimesSync } from "node:fs";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import path from "node:path";
import type { DeliveryReport } from "../../src";

const APPS = path.join(import.meta.dirname, "../platform/apps");

/** An application in a process of its own, which says its report in lines. */
export class App {
  readonly reports: DeliveryReport[] = [];
  stderr = "";
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(name: string, options: (string | number)[], environment: Record<string, string>) {
    this.#process = spawn(process.execPath, [path.join(APPS, name), ...options.map(String)], {
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#closed = once(this.#process, "close");
    let line = "";
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (line + text).split("\n");
      line = lines.pop() ?? "";
      for (const whole of lines) this.reports.push(JSON.parse(whole) as DeliveryReport);
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
  }

  get last(): DeliveryReport {
    const report = this.reports.at(-1);
    if (report === undefined) throw new Error(`no report; ${this.stderr}`);
    return report;
  }

  /** Waits until a report satisfies the condition. */
  async until(condition: (report: DeliveryReport) => boolean): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!this.reports.some(condition)) {
      if (this.#process.exitCode !== null || Date.now() > deadline)
        throw new Error(`ended or too slow: ${JSON.stringify(this.reports.at(-1))} ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Lets it make its next calls, where it waits to be told. */
  step(): void {
    this.#process.stdin?.write("on\n");
  }

  /** Ends it as the kernel does, without a word. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#closed;
  }

  /** Waits for its own end and returns the exit code. */
  async end(): Promise<number | null> {
    await this.#closed;
    return this.#process.exitCode;
  }
}

/** Lets the heartbeats of all runs in a spool be old, as if their processes had been dead for long. */
export function age(spool: string): void {
  for (const name of readdirSync(spool, { recursive: true, encoding: "utf8" })) {
    if (path.basename(name) === "heartbeat") utimesSync(path.join(spool, name), 0, 0);
  }
}

/** A way to the platform that can be cut: `refuse` as if it were stopped, `hang` as if it did not answer. */
export class Line {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #state: "open" | "refuse" | "hang" = "open";

  private constructor(target: URL) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => this.#sockets.delete(socket));
      if (this.#state === "refuse") socket.destroy();
      if (this.#state !== "open") return;
      const onward = connect(Number(target.port), target.hostname);
      this.#sockets.add(onward);
      onward.on("error", () => socket.destroy()).on("close", () => this.#sockets.delete(onward));
      socket.pipe(onward).pipe(socket);
    });
  }

  static async open(endpoint: string): Promise<Line> {
    const line = new Line(new URL(endpoint));
    line.#server.listen(0, "127.0.0.1");
    await once(line.#server, "listening");
    return line;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  set(state: "open" | "refuse" | "hang"): void {
    this.#state = state;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    this.set("refuse");
    this.#server.close();
  }
}
