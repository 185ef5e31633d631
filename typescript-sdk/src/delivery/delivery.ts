import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Guard } from "../guard";
import { Account, type DeliveryReport } from "./account";
import { Collector, type Compression } from "./collector";
import { Courier } from "./courier";
import type { Store } from "./store";
import { untraced } from "./timer";
import type { Transport } from "./transport";

export interface DeliveryOptions {
  readonly apiKey: string;
  readonly store: Store;
  readonly transport: Transport;
  readonly compression: Compression | undefined;
  readonly guard: Guard;
  readonly maxItems: number;
  readonly maxBytes: number;
  readonly encode: (spans: readonly ReadableSpan[]) => Uint8Array | undefined;
}

/** The way of spans and records from memory over the store to the platform, and the account of it. */
export class Delivery {
  readonly account = new Account();
  readonly #store: Store;
  readonly #collector: Collector;
  readonly #courier: Courier;
  #isClosed = false;

  constructor(options: DeliveryOptions) {
    const { account } = this;
    this.#store = options.store;
    this.#courier = new Courier({ ...options, account });
    this.#collector = new Collector({
      ...options,
      account,
      deliver: (batch, carried) => this.#courier.offer(batch, carried),
    });
    if (options.store.isDurable) this.#courier.start();
  }

  /** Takes a finished span. */
  push(span: ReadableSpan): void {
    this.#collector.push(span);
  }

  /** Takes a score, feedback or outcome for the address. */
  record(path: string, body: object): void {
    this.#collector.record(path, body);
  }

  /** Counts a span that sampling left out. */
  sample(): void {
    this.account.sample();
    this.#collector.touch();
  }

  report(): DeliveryReport {
    return this.account.report();
  }

  /**
   * Sends everything and waits until the platform has stored it, at most so many milliseconds.
   *
   * It also ends when the platform refuses the key, and with `untilFailing` when it cannot be reached: what is kept on
   * disk is delivered by the next process.
   */
  async flush(timeoutMs: number, untilFailing = false): Promise<DeliveryReport> {
    if (this.#isClosed) return this.report();
    // The delivery's own timers do not keep the process alive, but waiting for it must.
    const hold = setInterval(() => undefined, 1_000);
    const done = this.#courier.hurry();
    let expire: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<void>((resolve) => (expire = setTimeout(resolve, Math.max(0, timeoutMs))));
    try {
      await Promise.race([expired, this.#collector.drain(true).then(() => this.#settled(expired, untilFailing))]);
    } finally {
      done();
      clearTimeout(expire);
      clearInterval(hold);
    }
    return this.report();
  }

  async #settled(expired: Promise<void>, untilFailing: boolean): Promise<void> {
    const isOver = (): boolean =>
      (this.report().complete && !this.#courier.hasOwn) ||
      this.#courier.line.isRefused ||
      (untilFailing && this.#courier.line.isFailing && this.#store.isDurable);
    if (isOver()) return;
    await untraced(
      () =>
        new Promise<void>((resolve) => {
          const stop = this.#courier.listen(() => {
            if (!isOver()) return;
            stop();
            resolve();
          });
          void expired.then(stop);
        }),
    );
  }

  /** Keeps what is in memory, at once and without the network, and leaves the rest to other processes. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#collector.drainNow();
    this.#courier.close();
    if (!this.#store.isDurable) this.#loseTheRest();
    this.#store.release();
  }

  #loseTheRest(): void {
    const { account } = this;
    account.drop("shutdown", account.spooled);
    account.spooled = 0;
  }
}
