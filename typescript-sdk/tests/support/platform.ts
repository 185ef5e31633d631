import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** Address of the platform's gateway. */
    gateway: string;
  }
}

const PROJECT = path.join(import.meta.dirname, "../../..");
/** Settings under which a checkout's own .env would lead to somebody's data. */
const ELSEWHERE = [
  "TIMESCALE_URL",
  "TIMESCALE_READ_URL",
  "POSTGRES_URL",
  "REDIS_URL",
  "REDIS_CACHE_URL",
  "LOG_DIR",
  "SETUP_TOKEN",
];

/**
 * Starts the platform as its users do, with an empty data folder and ports of its own, and returns what stops it. With
 * AGENTOBS_TEST_GATEWAY, the platform that it names is used and left alone.
 */
export default async function startPlatform(project: TestProject): Promise<(() => void) | undefined> {
  const running = process.env.AGENTOBS_TEST_GATEWAY;
  if (running) {
    project.provide("gateway", running);
    return undefined;
  }
  const folder = mkdtempSync(path.join(tmpdir(), "ao-ts-sdk-"));
  const ports = await freePorts();
  const environment = {
    ...process.env,
    ...Object.fromEntries(ELSEWHERE.map((name) => [name, ""])),
    ...ports,
    AGENTOBS_DATA_DIR: folder,
    BIND_HOST: "127.0.0.1",
    ENVIRONMENT: "development",
    REGISTRATION: "open",
  };
  const stop = (): void => {
    run("./stop.sh", [], environment);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    run("./start.sh", ["--no-frontend"], environment);
  } catch (error) {
    stop();
    throw error;
  }
  project.provide("gateway", `http://127.0.0.1:${ports.GATEWAY_PORT}`);
  return stop;
}

function run(command: string, options: string[], environment: NodeJS.ProcessEnv): void {
  const { status, error, stdout, stderr } = spawnSync(command, options, {
    cwd: PROJECT,
    env: environment,
    encoding: "utf8",
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with exit code ${status}\n${stdout}\n${stderr}`);
}

/** A free port for every setting of one, below those that systems give to whoever asks for any. */
async function freePorts(): Promise<Record<string, string>> {
  const template = readFileSync(path.join(PROJECT, ".env.example"), "utf8");
  const names = [...template.matchAll(/^([A-Z_]+_PORT)=\d+$/gm)].map((match) => match[1] ?? "");
  for (;;) {
    const first = randomInt(15_000, 30_000);
    const free = await Promise.all(names.map((_, index) => isFree(first + index)));
    if (free.every(Boolean)) return Object.fromEntries(names.map((name, index) => [name, String(first + index)]));
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
