import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import {
  batchId,
  DamagedError,
  decodeFile,
  encodeFile,
  fileName,
  FullError,
  GoneError,
  parseName,
  RUN_DIGITS,
  type Batch,
  type Content,
} from "./batch";
import type { Store } from "./store";

const HEARTBEAT = "heartbeat";
const DAMAGED = "damaged";
const BEAT_MS = 5_000;
const DEAD_MS = 30_000;
const USAGE_MS = 5_000;

/** Returns the name of the folder that holds the batches of one key at one endpoint. */
export function workspaceFolder(endpoint: string, apiKey: string): string {
  return createHash("sha256").update(`${endpoint}\n${apiKey}`, "utf8").digest("hex").slice(0, 16);
}

/** Makes and returns the folder of a workspace, undefined when none can be written. */
export function findFolder(spoolDir: string | undefined, workspace: string): string | undefined {
  for (const folder of candidates(spoolDir)) {
    try {
      fs.mkdirSync(folder, { mode: 0o700, recursive: true });
      if (!isPrivate(folder)) continue;
      const own = path.join(folder, workspace);
      fs.mkdirSync(own, { mode: 0o700, recursive: true });
      const probe = path.join(own, `${randomBytes(8).toString("hex")}.tmp`);
      fs.writeFileSync(probe, "", { mode: 0o600 });
      fs.unlinkSync(probe);
      return own;
    } catch {
      // Tried in order: the next one may do.
    }
  }
  return undefined;
}

function candidates(spoolDir: string | undefined): string[] {
  if (spoolDir)
    return [spoolDir.startsWith("~/") ? path.join(os.homedir(), spoolDir.slice(2)) : path.resolve(spoolDir)];
  const state = process.env.XDG_STATE_HOME || path.join(os.homedir(), ".local", "state");
  const owner = process.getuid ? String(process.getuid()) : "user";
  return [path.join(state, "agentobs", "spool"), path.join(os.tmpdir(), `agentobs-spool-${owner}`)];
}

/** Whether nobody else could have put the folder there, as they could in the folder for temporary files. */
function isPrivate(folder: string): boolean {
  if (!process.getuid) return true;
  const found = fs.lstatSync(folder);
  return found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0;
}

/** The files of this process in the folder that the processes of a workspace share. */
export class Spool implements Store {
  readonly isDurable = true;
  readonly run: string;
  readonly #folder: string;
  readonly #own: string;
  readonly #runId = randomBytes(16).toString("hex");
  readonly #maxBytes: number;
  readonly #sizes = new Map<string, number>();
  #ownBytes = 0;
  #otherBytes = 0;
  #otherBytesAt = Number.NEGATIVE_INFINITY;
  #beatAt = Number.NEGATIVE_INFINITY;
  #sequence = 0;

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
    this.run = this.#runId.slice(0, RUN_DIGITS);
    this.#own = path.join(folder, this.#runId);
  }

  nextId(): string {
    this.#sequence += 1;
    return batchId(Date.now(), this.run, this.#sequence);
  }

  async add(id: string, content: Content): Promise<Batch> {
    const data = encodeFile(id, content);
    await this.#countOthers();
    if (this.#otherBytes + this.#ownBytes + data.byteLength > this.#maxBytes) throw new FullError("the spool is full");
    return this.#write(id, content.items, data, Date.now());
  }

  addPart(id: string, content: Content, of: Batch): Promise<Batch> {
    return this.#write(id, content.items, encodeFile(id, content), of.timeMs);
  }

  addNow(id: string, content: Content): Batch {
    const batch: Batch = { id, timeMs: Date.now(), run: this.run, items: content.items };
    const data = encodeFile(id, content);
    if (this.#otherBytes + this.#ownBytes + data.byteLength > this.#maxBytes) throw new FullError("the spool is full");
    const file = path.join(this.#own, fileName(batch));
    fs.mkdirSync(this.#own, { mode: 0o700, recursive: true });
    fs.writeFileSync(`${file}.tmp`, data, { mode: 0o600 });
    fs.renameSync(`${file}.tmp`, file);
    this.#note(fileName(batch), data.byteLength);
    return batch;
  }

  async #write(id: string, items: number, data: Uint8Array, timeMs: number): Promise<Batch> {
    const batch: Batch = { id, timeMs, run: this.run, items };
    const name = fileName(batch);
    const file = path.join(this.#own, name);
    await fs.promises.mkdir(this.#own, { mode: 0o700, recursive: true });
    await this.beat();
    try {
      await fs.promises.writeFile(`${file}.tmp`, data, { mode: 0o600 });
      await fs.promises.rename(`${file}.tmp`, file);
    } catch (error) {
      await fs.promises.rm(`${file}.tmp`, { force: true });
      throw error;
    }
    this.#note(name, data.byteLength);
    return batch;
  }

  async read(batch: Batch): Promise<Content> {
    const file = path.join(this.#own, fileName(batch));
    try {
      return decodeFile(await fs.promises.readFile(file));
    } catch (error) {
      this.#forget(fileName(batch));
      if (isMissing(error)) throw new GoneError(batch.id);
      await this.#moveAside(file);
      throw new DamagedError(batch.id);
    }
  }

  async #moveAside(file: string): Promise<void> {
    const aside = path.join(this.#folder, DAMAGED);
    try {
      await fs.promises.mkdir(aside, { mode: 0o700, recursive: true });
      await fs.promises.rename(file, path.join(aside, path.basename(file)));
    } catch {
      await fs.promises.rm(file, { force: true });
    }
  }

  async change(batch: Batch, receipt: string | undefined): Promise<Batch> {
    const { id, timeMs, run, items } = batch;
    const changed: Batch = { id, timeMs, run, items, ...(receipt === undefined ? {} : { receipt }) };
    try {
      await fs.promises.rename(path.join(this.#own, fileName(batch)), path.join(this.#own, fileName(changed)));
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#forget(fileName(batch));
      throw new GoneError(batch.id);
    }
    this.#note(fileName(changed), this.#forget(fileName(batch)));
    return changed;
  }

  async delete(batch: Batch): Promise<void> {
    this.#forget(fileName(batch));
    await fs.promises.rm(path.join(this.#own, fileName(batch)), { force: true });
  }

  async beat(): Promise<void> {
    const now = performance.now();
    if (now - this.#beatAt < BEAT_MS || !fs.existsSync(this.#own)) return;
    this.#beatAt = now;
    const heartbeat = path.join(this.#own, HEARTBEAT);
    const time = new Date();
    await fs.promises.writeFile(heartbeat, "", { mode: 0o600 });
    await fs.promises.utimes(heartbeat, time, time);
  }

  async adopt(): Promise<Batch[]> {
    const adopted: Batch[] = [];
    for (const run of await folders(this.#folder)) {
      if (run === this.#runId || run === DAMAGED) continue;
      try {
        const folder = path.join(this.#folder, run);
        if (await isDead(folder)) adopted.push(...(await this.#adoptRun(folder)));
      } catch {
        // Another process is taking it over, or it cannot be read: the next round looks again.
      }
    }
    return adopted;
  }

  async #adoptRun(folder: string): Promise<Batch[]> {
    const adopted: Batch[] = [];
    for (const name of (await fs.promises.readdir(folder)).sort()) {
      if (name === HEARTBEAT) continue;
      const file = path.join(folder, name);
      const batch = parseName(name);
      if (batch === undefined) {
        await fs.promises.rm(file, { force: true });
        continue;
      }
      await fs.promises.mkdir(this.#own, { mode: 0o700, recursive: true });
      await this.beat();
      try {
        const { size } = await fs.promises.stat(file);
        await fs.promises.rename(file, path.join(this.#own, name));
        this.#note(name, size);
        adopted.push(batch);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
    await fs.promises.rm(path.join(folder, HEARTBEAT), { force: true });
    await fs.promises.rmdir(folder).catch(() => undefined);
    return adopted;
  }

  release(): void {
    try {
      const left = fs.readdirSync(this.#own).some((name) => name !== HEARTBEAT);
      const heartbeat = path.join(this.#own, HEARTBEAT);
      if (left) {
        fs.writeFileSync(heartbeat, "", { mode: 0o600 });
        fs.utimesSync(heartbeat, 0, 0);
      } else {
        fs.rmSync(heartbeat, { force: true });
        fs.rmdirSync(this.#own);
      }
    } catch {
      // No folder was made, or it is left as it is: it counts as dead once its heartbeat is old.
    }
  }

  async #countOthers(): Promise<void> {
    const now = performance.now();
    if (now - this.#otherBytesAt < USAGE_MS) return;
    this.#otherBytesAt = now;
    let bytes = 0;
    for (const run of await folders(this.#folder)) {
      if (run === this.#runId) continue;
      const folder = path.join(this.#folder, run);
      for (const name of await fs.promises.readdir(folder).catch(() => [])) {
        bytes += await fs.promises.stat(path.join(folder, name)).then(
          (found) => found.size,
          () => 0,
        );
      }
    }
    this.#otherBytes = bytes;
  }

  #note(name: string, size: number): void {
    this.#ownBytes += size - (this.#sizes.get(name) ?? 0);
    this.#sizes.set(name, size);
  }

  #forget(name: string): number {
    const size = this.#sizes.get(name) ?? 0;
    this.#sizes.delete(name);
    this.#ownBytes -= size;
    return size;
  }
}

async function isDead(folder: string): Promise<boolean> {
  const found = await fs.promises.stat(path.join(folder, HEARTBEAT)).catch((error: unknown) => {
    if (isMissing(error)) return fs.promises.stat(folder);
    throw error;
  });
  return Date.now() - found.mtimeMs > DEAD_MS;
}

async function folders(folder: string): Promise<string[]> {
  const entries = await fs.promises.readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
