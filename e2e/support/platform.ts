import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

export const PROJECT = path.join(__dirname, "..", "..");

/** Folder of the databases and logs of the stack that is tested. */
function dataFolder(): string {
  return process.env.E2E_DATA_DIR ?? path.join(PROJECT, ".data");
}

/** What a service has logged so far, a document a line. */
export function logOf(service: string): Record<string, unknown>[] {
  const folder = path.join(dataFolder(), "logs");
  const files = readdirSync(folder).filter((name) => name.startsWith(`${service}.log`)).sort().reverse();
  return files
    .flatMap((name) => readFileSync(path.join(folder, name), "utf8").split("\n"))
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const STATEMENT = `
import asyncio, sys, asyncpg
async def run(port, password, statement):
    connection = await asyncpg.connect(host="127.0.0.1", port=int(port), user="postgres", password=password, database="agent_observability")
    await connection.execute(statement)
    await connection.close()
asyncio.run(run(*sys.argv[1:2], sys.stdin.readline().strip(), *sys.argv[2:]))
`;

/** Runs a statement in the traces database, as what goes wrong in databases is made to go wrong there. */
export function atDatabase(statement: string): void {
  const folder = dataFolder();
  const { ports } = JSON.parse(readFileSync(path.join(folder, "run", "instance.json"), "utf8")) as { ports: Record<string, number> };
  const password = readFileSync(path.join(folder, "postgres", "superuser-password"), "utf8");
  const { status, stderr } = spawnSync(
    path.join(PROJECT, ".venv", "bin", "python"),
    ["-c", STATEMENT, String(ports.postgres), statement],
    { input: `${password}\n`, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the database refused: ${stderr}`);
}
