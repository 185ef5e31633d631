import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

const PROJECT = path.join(__dirname, "..");
/** Settings under which a checkout's own .env would lead to somebody's data. */
const ELSEWHERE = ["TIMESCALE_URL", "TIMESCALE_READ_URL", "POSTGRES_URL", "REDIS_URL", "REDIS_CACHE_URL", "LOG_DIR", "SETUP_TOKEN"];

export interface Started {
  /** Where its data are. */
  folder: string;
  stop: () => void;
}

/** For the tests: an empty platform, and what stops it. */
export default async function startEmpty(): Promise<(() => void) | undefined> {
  return (await startStack([]))?.stop;
}

/**
 * Starts the platform as its users do, with a data folder and ports of its own.
 *
 * With E2E_DASHBOARD_URL and E2E_GATEWAY_URL set, the stack that they name is used and left alone; it is one of this
 * checkout, with its data in E2E_DATA_DIR or .data, where tests read the gateway's log and make the database refuse.
 *
 * @param options Of ./start.sh.
 */
export async function startStack(options: readonly string[]): Promise<Started | undefined> {
  if (process.env.E2E_DASHBOARD_URL && process.env.E2E_GATEWAY_URL) return undefined;
  // Building takes its time, in which others could take the ports.
  run("./setup.sh", [], process.env);
  const folder = mkdtempSync(path.join(tmpdir(), "ao-e2e-"));
  const ports = await freePorts();
  const environment = {
    ...process.env,
    ...Object.fromEntries(ELSEWHERE.map((name) => [name, ""])),
    ...ports,
    AGENTOBS_DATA_DIR: folder,
    BIND_HOST: "127.0.0.1",
    ENVIRONMENT: "development",
    REGISTRATION: "open",
    PUBLIC_GATEWAY_URL: `http://localhost:${ports.GATEWAY_PORT}`,
    PUBLIC_DASHBOARD_URL: `http://localhost:${ports.FRONTEND_PORT}`,
  };
  const stop = () => {
    run("./stop.sh", [], environment);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    run("./start.sh", options, environment);
  } catch (error) {
    stop();
    throw error;
  }
  process.env.E2E_DASHBOARD_URL = environment.PUBLIC_DASHBOARD_URL;
  process.env.E2E_GATEWAY_URL = environment.PUBLIC_GATEWAY_URL;
  process.env.E2E_DATA_DIR = folder;
  return { folder, stop };
}

function run(command: string, options: readonly string[], environment: NodeJS.ProcessEnv): void {
  const { status, error } = spawnSync(command, options, { cwd: PROJECT, env: environment, stdio: "inherit" });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ended with exit code ${status}`);
}

/** A free port for every setting of one, below those that systems give to whoever asks for any. */
async function freePorts(): Promise<Record<string, string>> {
  const template = readFileSync(path.join(PROJECT, ".env.example"), "utf8");
  const names = [...template.matchAll(/^([A-Z_]+_PORT)=\d+$/gm)].map((match) => match[1] ?? "");
  for (;;) {
    const first = randomInt(15_000, 30_000);
    const ports = names.map((_, index) => first + index);
    const free = await Promise.all(ports.map(isFree));
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
