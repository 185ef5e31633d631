import { batchId, FullError, GoneError, type Batch, type Content } from "./batch";

/** Keeps batches until the platform has stored them. */
export interface Store {
  /** Digits that tell this process's batches from others'. */
  readonly run: string;
  /** Whether what is kept survives the process. */
  readonly isDurable: boolean;
  /** Returns the id of the next batch. */
  nextId(): string;
  /** Keeps a batch; throws FullError when there is no room, and other errors when it cannot be written. */
  add(id: string, content: Content): Promise<Batch>;
  /** The same at once, for the end of the process; absent where nothing survives it. */
  addNow?(id: string, content: Content): Batch;
  /** Keeps a part of a batch that is being split, which has room already. */
  addPart(id: string, content: Content, of: Batch): Promise<Batch>;
  /** Returns what a batch holds; throws GoneError or DamagedError. */
  read(batch: Batch): Promise<Content>;
  /** Notes that a batch was accepted under a receipt, or without one that it is to be sent again; throws GoneError. */
  change(batch: Batch, receipt: string | undefined): Promise<Batch>;
  delete(batch: Batch): Promise<void>;
  /** Says that this process is alive. */
  beat(): Promise<void>;
  /** Takes over the batches of processes that have ended. */
  adopt(): Promise<Batch[]>;
  /** Leaves what is left to other processes, at once. */
  release(): void;
}

/** Keeps batches in memory, where no folder can be written and on edge runtimes. */
export class MemoryStore implements Store {
  readonly isDurable = false;
  readonly run: string;
  readonly #maxBytes: number;
  readonly #contents = new Map<string, Content>();
  #bytes = 0;
  #sequence = 0;

  constructor(run: string, maxBytes: number) {
    this.run = run;
    this.#maxBytes = maxBytes;
  }

  nextId(): string {
    this.#sequence += 1;
    return batchId(Date.now(), this.run, this.#sequence);
  }

  add(id: string, content: Content): Promise<Batch> {
    if (this.#bytes + content.body.byteLength > this.#maxBytes)
      return Promise.reject(new FullError("no room in memory"));
    return Promise.resolve(this.#keep(id, content, Date.now()));
  }

  addPart(id: string, content: Content, of: Batch): Promise<Batch> {
    return Promise.resolve(this.#keep(id, content, of.timeMs));
  }

  #keep(id: string, content: Content, timeMs: number): Batch {
    this.#contents.set(id, content);
    this.#bytes += content.body.byteLength;
    return { id, timeMs, run: this.run, items: content.items };
  }

  read(batch: Batch): Promise<Content> {
    const content = this.#contents.get(batch.id);
    return content === undefined ? Promise.reject(new GoneError(batch.id)) : Promise.resolve(content);
  }

  change(batch: Batch, receipt: string | undefined): Promise<Batch> {
    const { id, timeMs, run, items } = batch;
    return Promise.resolve({ id, timeMs, run, items, ...(receipt === undefined ? {} : { receipt }) });
  }

  delete(batch: Batch): Promise<void> {
    const content = this.#contents.get(batch.id);
    if (content !== undefined) this.#bytes -= content.body.byteLength;
    this.#contents.delete(batch.id);
    return Promise.resolve();
  }

  beat(): Promise<void> {
    return Promise.resolve();
  }

  adopt(): Promise<Batch[]> {
    return Promise.resolve([]);
  }

  release(): void {
    this.#contents.clear();
    this.#bytes = 0;
  }
}
