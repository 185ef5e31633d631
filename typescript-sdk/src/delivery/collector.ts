import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Guard } from "../guard";
import type { Account, FileAccount } from "./account";
import { FullError, REPORTS_PATH, TRACES_PATH, type Batch, type Content } from "./batch";
import type { Store } from "./store";
import { Timer, untraced } from "./timer";

const BATCH_ITEMS = 512;
const BATCH_BYTES = 4 * 1024 * 1024;
const INTERVAL_MS = 1_000;
const ACCOUNT_INTERVAL_MS = 30_000;
/** What a span takes besides the characters of its attributes. */
const SPAN_BYTES = 512;

/** Compression as the runtime offers it. */
export interface Compression {
  gzip(body: Uint8Array): Promise<Uint8Array>;
  gunzip(body: Uint8Array): Promise<Uint8Array>;
  /** The same at once; absent where nothing can be kept at the end of the process. */
  gzipNow?(body: Uint8Array): Uint8Array;
}

export interface CollectorParts {
  readonly account: Account;
  readonly store: Store;
  readonly guard: Guard;
  /** Absent where the runtime has none. */
  readonly compression: Compression | undefined;
  readonly maxItems: number;
  readonly maxBytes: number;
  /** Returns the OTLP request for spans; undefined for what cannot be encoded. */
  readonly encode: (spans: readonly ReadableSpan[]) => Uint8Array | undefined;
  /** Takes over what was kept. */
  readonly deliver: (batch: Batch, account: FileAccount) => void;
}

/** What is to become one file. */
interface Draft {
  readonly id: string;
  readonly path: string;
  readonly items: number;
  readonly bytes: number;
  readonly account: FileAccount;
  readonly spans?: readonly ReadableSpan[];
  readonly json?: string;
}

interface Record {
  readonly path: string;
  readonly json: string;
}

/** Holds finished spans and records in memory until they are kept by the store, in batches by count, bytes and time. */
export class Collector {
  readonly #parts: CollectorParts;
  readonly #timer: Timer;
  #spans: ReadableSpan[] = [];
  #sizes: number[] = [];
  #head = 0;
  #records: Record[] = [];
  #bytes = 0;
  #draft: Draft | undefined;
  #draining: Promise<void> | undefined;
  #accountAt = 0;
  #isClosed = false;
  /** Whether the timer runs as soon as it can. */
  #isHurried = false;

  constructor(parts: CollectorParts) {
    this.#parts = parts;
    this.#timer = new Timer(() => void this.drain());
  }

  /** Takes a finished span; it is dropped and counted when a bound is reached. */
  push(span: ReadableSpan): void {
    const size = sizeOf(span);
    if (!this.#admit(size)) return;
    this.#spans.push(span);
    this.#sizes.push(size);
    // Asking the clock at each span would cost more than the rest of this.
    const isWhole = this.#spans.length - this.#head >= BATCH_ITEMS;
    if (this.#timer.isSet && (!isWhole || this.#isHurried)) return;
    this.#isHurried = isWhole;
    this.#timer.within(isWhole ? 0 : INTERVAL_MS);
  }

  /** Takes a score, feedback or outcome. */
  record(path: string, body: object): void {
    const json = JSON.stringify(body);
    if (!this.#admit(json.length)) return;
    this.#records.push({ path, json });
    this.#timer.within(INTERVAL_MS);
  }

  #admit(size: number): boolean {
    const { account, maxItems, maxBytes } = this.#parts;
    if (this.#isClosed) {
      account.refuse("shutdown");
      return false;
    }
    if (account.queued >= maxItems || this.#bytes + size > maxBytes) {
      account.refuse("queue_full");
      return false;
    }
    this.#bytes += size;
    account.create();
    return true;
  }

  /** Notes that something was sampled out or dropped, which a file carries in time. */
  touch(): void {
    this.#timer.within(ACCOUNT_INTERVAL_MS);
  }

  /** Keeps everything in memory, and with `isLast` also the account that no batch carries. */
  async drain(isLast = false): Promise<void> {
    this.#draining ??= untraced(() => this.#run()).finally(() => (this.#draining = undefined));
    await this.#draining;
    if (this.#spans.length > this.#head || this.#records.length > 0) return this.drain(isLast);
    const isDue = isLast || performance.now() - this.#accountAt >= ACCOUNT_INTERVAL_MS;
    if (this.#parts.account.hasUnreported && isDue) await untraced(() => this.#keep(this.#accountDraft()));
    else if (this.#parts.account.hasUnreported) this.touch();
  }

  async #run(): Promise<void> {
    for (let draft = this.#take(); draft !== undefined; draft = this.#take()) await this.#keep(draft);
  }

  async #keep(draft: Draft): Promise<void> {
    const { store, compression } = this.#parts;
    this.#draft = draft;
    try {
      const body = this.#encode(draft);
      if (body === undefined) return this.#lose(draft, "encoding");
      const packed = draft.spans && compression ? await compression.gzip(body) : undefined;
      const batch = await store.add(draft.id, contentOf(draft, body, packed));
      if (this.#draft === draft) this.#kept(draft, batch);
    } catch (error) {
      if (this.#draft === draft) this.#failed(draft, error);
    }
  }

  /** Keeps everything at once, at the end of the process. */
  drainNow(): void {
    this.#isClosed = true;
    this.#timer.cancel();
    if (this.#draft !== undefined) this.#keepNow(this.#draft);
    for (let draft = this.#take(); draft !== undefined; draft = this.#take()) this.#keepNow(draft);
    if (this.#parts.account.hasUnreported) this.#keepNow(this.#accountDraft());
  }

  #keepNow(draft: Draft): void {
    const { store, compression } = this.#parts;
    this.#draft = undefined;
    if (!store.addNow || !compression?.gzipNow) return this.#lose(draft, "shutdown");
    try {
      const body = this.#encode(draft);
      if (body === undefined) return this.#lose(draft, "encoding");
      // A write that is under way has the same name, so that the batch is there once whichever comes last.
      this.#kept(draft, store.addNow(draft.id, contentOf(draft, body, draft.spans && compression.gzipNow(body))));
    } catch (error) {
      this.#failed(draft, error);
    }
  }

  #encode(draft: Draft): Uint8Array | undefined {
    return draft.spans ? this.#parts.encode(draft.spans) : new TextEncoder().encode(draft.json);
  }

  #kept(draft: Draft, batch: Batch): void {
    this.#draft = undefined;
    this.#release(draft);
    this.#parts.account.spooled += draft.items;
    this.#parts.deliver(batch, draft.account);
  }

  #failed(draft: Draft, error: unknown): void {
    if (error instanceof FullError) {
      this.#parts.guard.warn(
        "spool_full",
        "the spool is full; new spans are dropped until the platform takes what is waiting",
      );
      this.#lose(draft, "spool_full");
    } else {
      this.#parts.guard.failed(error);
      this.#lose(draft, "spool_error");
    }
  }

  #lose(draft: Draft, reason: string): void {
    this.#draft = undefined;
    this.#release(draft);
    this.#parts.account.giveBack(draft.account);
    this.#parts.account.drop(reason, draft.items);
    this.touch();
  }

  #release(draft: Draft): void {
    this.#bytes -= draft.bytes;
    this.#parts.account.queued -= draft.items;
  }

  /** Takes the next batch out of memory; its items count as queued until it is kept. */
  #take(): Draft | undefined {
    const { store, account } = this.#parts;
    const record = this.#records.shift();
    if (record !== undefined) {
      return {
        id: store.nextId(),
        path: record.path,
        items: 1,
        bytes: record.json.length,
        account: account.takeForFile(1),
        json: record.json,
      };
    }
    const begin = this.#head;
    if (begin >= this.#spans.length) return undefined;
    let end = begin;
    let bytes = 0;
    do bytes += this.#sizes[end++] ?? 0;
    while (end < this.#spans.length && end - begin < BATCH_ITEMS && bytes + (this.#sizes[end] ?? 0) <= BATCH_BYTES);
    const spans = this.#spans.slice(begin, end);
    this.#head = end;
    if (this.#head >= this.#spans.length || this.#head >= 8 * BATCH_ITEMS) {
      this.#spans = this.#spans.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
    return {
      id: store.nextId(),
      path: TRACES_PATH,
      items: spans.length,
      bytes,
      account: account.takeForFile(spans.length),
      spans,
    };
  }

  #accountDraft(): Draft {
    const { store, account } = this.#parts;
    this.#accountAt = performance.now();
    const taken = account.takeForFile(0);
    const json = JSON.stringify({
      created: taken.created,
      delivered: 0,
      sampled: taken.sampled,
      dropped: taken.dropped,
    });
    return { id: store.nextId(), path: REPORTS_PATH, items: 0, bytes: 0, account: taken, json };
  }
}

function contentOf(draft: Draft, body: Uint8Array, packed: Uint8Array | undefined): Content {
  if (draft.spans === undefined) {
    const account = draft.path === REPORTS_PATH ? {} : { account: draft.account };
    return { path: draft.path, contentType: "application/json", items: draft.items, body, ...account };
  }
  return {
    path: draft.path,
    contentType: "application/x-protobuf",
    ...(packed === undefined ? {} : { contentEncoding: "gzip" }),
    items: draft.items,
    account: draft.account,
    body: packed ?? body,
  };
}

/** About how many bytes a span takes in memory. */
function sizeOf(span: ReadableSpan): number {
  let size = SPAN_BYTES;
  const { attributes } = span;
  for (const key in attributes) {
    const value = attributes[key];
    size += typeof value === "string" ? value.length + 32 : Array.isArray(value) ? 32 * value.length : 32;
  }
  return size;
}
