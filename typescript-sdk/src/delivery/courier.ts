import type { Guard } from "../guard";
import { totalOf, type Account, type FileAccount } from "./account";
import { DamagedError, GoneError, TRACES_PATH, type Batch, type Content } from "./batch";
import type { Compression } from "./collector";
import { hindranceOf, readCode, readReceipt, type Hindrance, type Verdict } from "./answers";
import { backoffMs, Line } from "./line";
import { credentials, reportAccount } from "./reporting";
import { splitTraces } from "./split";
import type { Store } from "./store";
import { Timer, untraced } from "./timer";
import type { Answer, Transport } from "./transport";

const SENDS_AT_ONCE = 4;
const ASKS_AT_ONCE = 16;
const FIRST_ASK_MS = 100;
const LONGEST_ASK_MS = 5_000;
const LONGEST_ASK_IN_HURRY_MS = 200;
const HOUSEKEEPING_MS = 5_000;
const ADOPTION_MS = 10_000;
const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;

export interface CourierParts {
  readonly account: Account;
  readonly store: Store;
  readonly guard: Guard;
  readonly compression: Compression | undefined;
  readonly transport: Transport;
  readonly apiKey: string;
}

/** A batch that waits to be asked for, with a verdict to be reported, or for another try. */
interface Waiting {
  batch: Batch;
  nextAt: number;
  tries: number;
  verdict?: Verdict;
  /** Whether it is to be sent again at that time. */
  isUnsent?: boolean;
}

/** Sends what the store keeps, oldest first, asks what became of it, and reports the account of each batch. */
export class Courier {
  readonly #parts: CourierParts;
  readonly #timer: Timer;
  /** Accounts of the batches of this process by their ids, from when they are kept until they are forgotten. */
  readonly #accounts = new Map<string, FileAccount>();
  /** How often batches failed that others do not wait for. */
  readonly #tries = new Map<string, number>();
  #unsent: Batch[] = [];
  #isSorted = true;
  #waiting: Waiting[] = [];
  readonly #line: Line;
  #adoptAt = 0;
  #hurries = 0;
  #working: Promise<void> | undefined;
  #isClosed = false;
  readonly #listeners = new Set<() => void>();

  constructor(parts: CourierParts) {
    this.#parts = parts;
    this.#line = new Line(parts.guard);
    this.#timer = new Timer(() => this.#wake());
  }

  /** How requests fare. */
  get line(): Pick<Line, "isFailing" | "isRefused"> {
    return this.#line;
  }

  /** Whether batches of this process are still on their way. */
  get hasOwn(): boolean {
    return this.#accounts.size > 0;
  }

  /** Looks for what other processes have left, and goes on with it. */
  start(): void {
    this.#timer.within(0);
  }

  /** Takes over a batch that the store keeps. */
  offer(batch: Batch, account: FileAccount): void {
    this.#accounts.set(batch.id, account);
    this.#unsent.push(batch);
    this.#timer.within(0);
  }

  /** Sends and asks without the usual pauses until `done` is called. */
  hurry(): () => void {
    this.#hurries += 1;
    this.#line.hurry();
    const now = performance.now();
    for (const one of this.#waiting) if (!one.isUnsent) one.nextAt = Math.min(one.nextAt, now);
    this.#timer.within(0);
    return () => (this.#hurries -= 1);
  }

  /** Calls back after each round of work until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all work; what is under way is left as it is. */
  close(): void {
    this.#isClosed = true;
    this.#timer.cancel();
  }

  #wake(): void {
    if (this.#working !== undefined || this.#isClosed) return;
    this.#working = untraced(() => this.#work())
      .catch((error: unknown) => this.#parts.guard.failed(error))
      .finally(() => {
        this.#working = undefined;
        this.#schedule();
        for (const listener of [...this.#listeners]) listener();
      });
  }

  async #work(): Promise<void> {
    await this.#keepHouse();
    for (;;) {
      const [sent, asked] = await Promise.all([this.#sendSome(), this.#askSome()]);
      for (const listener of [...this.#listeners]) listener();
      if ((!sent && !asked) || this.#isClosed) return;
    }
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const now = performance.now();
    let next = this.#parts.store.isDurable ? now + HOUSEKEEPING_MS : Number.POSITIVE_INFINITY;
    if (this.#unsent.length > 0) next = Math.min(next, this.#line.blockedUntil);
    for (const one of this.#waiting) next = Math.min(next, one.nextAt);
    if (Number.isFinite(next)) this.#timer.within(Math.max(0, next - now));
  }

  async #keepHouse(): Promise<void> {
    const { store } = this.#parts;
    const now = performance.now();
    await store.beat();
    if (!store.isDurable || now < this.#adoptAt) return;
    this.#adoptAt = now + ADOPTION_MS;
    for (const batch of await store.adopt()) {
      if (batch.receipt === undefined) this.#unsent.push(batch);
      else this.#waiting.push({ batch, nextAt: now, tries: 0 });
      this.#isSorted = false;
    }
  }

  async #sendSome(): Promise<boolean> {
    if (this.#unsent.length === 0 || performance.now() < this.#line.blockedUntil) return false;
    if (!this.#isSorted) this.#unsent.sort((a, b) => (a.id < b.id ? -1 : 1));
    this.#isSorted = true;
    // After a failure one batch tries whether the platform is back.
    const next = this.#unsent.splice(0, this.#line.isFailing ? 1 : SENDS_AT_ONCE);
    const kept = await Promise.all(
      next.map((batch) =>
        this.#send(batch).catch((error: unknown) => {
          this.#parts.guard.failed(error);
          this.#line.failed(undefined, error);
          return batch;
        }),
      ),
    );
    this.#unsent.unshift(...kept.filter((batch) => batch !== undefined));
    return true;
  }

  /** Sends one batch; returns it when it is to be sent again. */
  async #send(batch: Batch): Promise<Batch | undefined> {
    const content = await this.#read(batch);
    if (content === undefined) return undefined;
    let answer: Answer;
    try {
      answer = await this.#parts.transport({
        method: "POST",
        path: content.path,
        headers: {
          ...credentials(this.#parts.apiKey),
          "content-type": content.contentType,
          ...(content.contentEncoding === undefined ? {} : { "content-encoding": content.contentEncoding }),
          ...(content.path === TRACES_PATH ? {} : { "idempotency-key": batch.id }),
        },
        body: content.body,
      });
    } catch (error) {
      this.#line.failed(undefined, error);
      return batch;
    }
    if (answer.status >= 200 && answer.status < 300) return this.#accepted(batch, answer);
    const hindrance = hindranceOf(answer.status);
    if (hindrance !== undefined) return this.#hindered(batch, answer, hindrance);
    this.#line.succeeded();
    if (answer.status === 413 && content.path === TRACES_PATH && (await this.#split(batch, content))) return undefined;
    const reason = readCode(answer);
    await this.#settle(
      { batch, nextAt: 0, tries: 0 },
      { stored: 0, rejected: { [reason]: batch.items }, isCounted: false },
    );
    return undefined;
  }

  /** Keeps a batch for later; returns it when it is to be the next one again. */
  #hindered(batch: Batch, answer: Answer, hindrance: Hindrance): Batch | undefined {
    if (hindrance === "failed") {
      const tries = this.#tries.get(batch.id) ?? 0;
      this.#tries.set(batch.id, tries + 1);
      const wait = Math.max(backoffMs(tries), answer.retryAfterMs ?? 0);
      this.#waiting.push({ batch, nextAt: performance.now() + wait, tries, isUnsent: true });
      return undefined;
    }
    if (hindrance === "refused") this.#line.refused(answer.status);
    else this.#line.failed(answer, undefined);
    return batch;
  }

  async #accepted(batch: Batch, answer: Answer): Promise<undefined> {
    this.#line.succeeded();
    if (answer.receiptId === undefined) {
      await this.#settle({ batch, nextAt: 0, tries: 0 }, { stored: batch.items, rejected: {}, isCounted: true });
      return;
    }
    const changed = await this.#change(batch, answer.receiptId);
    if (changed === undefined) return;
    if (this.#isOwn(batch)) {
      this.#parts.account.spooled -= batch.items;
      this.#parts.account.accepted += batch.items;
    }
    this.#waiting.push({
      batch: changed,
      nextAt: performance.now() + (this.#hurries > 0 ? FIRST_ASK_MS / 4 : FIRST_ASK_MS),
      tries: 0,
    });
  }

  async #split(batch: Batch, content: Content): Promise<boolean> {
    const { store, compression } = this.#parts;
    const packing = content.contentEncoding === "gzip" ? compression : undefined;
    if (packing === undefined && content.contentEncoding !== undefined) return false;
    const halves = splitTraces(packing ? await packing.gunzip(content.body) : content.body);
    if (halves === undefined) return false;
    const { account, ...rest } = content;
    for (const [index, half] of halves.entries()) {
      const body = packing ? await packing.gzip(half.body) : half.body;
      // The second has nothing to account for, but reports what of it is delivered.
      const carried = account === undefined || index === 0 ? account : { created: 0, sampled: 0, dropped: {} };
      const part: Content = {
        ...rest,
        items: half.items,
        body,
        ...(carried === undefined ? {} : { account: carried }),
      };
      const added = await store.addPart(`${batch.id}${"ab"[index] ?? ""}`, part, batch);
      if (carried !== undefined && this.#isOwn(batch)) this.#accounts.set(added.id, carried);
      this.#unsent.unshift(added);
    }
    await store.delete(batch);
    this.#forget(batch);
    return true;
  }

  async #askSome(): Promise<boolean> {
    const now = performance.now();
    const due = this.#waiting.filter((one) => one.nextAt <= now).slice(0, ASKS_AT_ONCE);
    if (due.length === 0) return false;
    this.#waiting = this.#waiting.filter((one) => !due.includes(one));
    await Promise.all(
      due.map((one) =>
        this.#ask(one).catch((error: unknown) => {
          this.#parts.guard.failed(error);
          this.#askLater(one);
        }),
      ),
    );
    return true;
  }

  async #ask(one: Waiting): Promise<void> {
    const { batch } = one;
    if (one.isUnsent) {
      this.#unsent.push(batch);
      this.#isSorted = false;
      return;
    }
    if (one.verdict !== undefined) return this.#settle(one, one.verdict);
    let answer: Answer;
    try {
      answer = await this.#parts.transport({
        method: "GET",
        path: `/api/v1/receipts/${batch.receipt ?? ""}`,
        headers: credentials(this.#parts.apiKey),
      });
    } catch {
      return this.#askLater(one);
    }
    if (answer.status === 404) return this.#lostReceipt(one);
    const verdict = answer.status === 200 ? readReceipt(answer.text, batch.items) : undefined;
    if (verdict === undefined) return this.#askLater(one, answer.retryAfterMs);
    await this.#settle(one, verdict);
  }

  #askLater(one: Waiting, atLeastMs = 0): void {
    const longest = this.#hurries > 0 ? LONGEST_ASK_IN_HURRY_MS : LONGEST_ASK_MS;
    one.tries += 1;
    one.nextAt =
      performance.now() + Math.max(atLeastMs, Math.min(longest, FIRST_ASK_MS * 2 ** Math.min(one.tries, 10)));
    this.#waiting.push(one);
  }

  /** Without its receipt, spans are sent again, which is always safe; records as long as their key holds. */
  async #lostReceipt(one: Waiting): Promise<void> {
    const content = await this.#read(one.batch);
    if (content === undefined) return;
    if (content.path !== TRACES_PATH && Date.now() - one.batch.timeMs > IDEMPOTENCY_KEPT_MS) {
      return this.#settle(one, { stored: one.batch.items, rejected: {}, isCounted: true });
    }
    const changed = await this.#change(one.batch, undefined);
    if (changed === undefined) return;
    if (this.#isOwn(changed)) {
      this.#parts.account.accepted -= changed.items;
      this.#parts.account.spooled += changed.items;
    }
    this.#unsent.unshift(changed);
  }

  /** Reports the account of a batch and forgets it. */
  async #settle(one: Waiting, verdict: Verdict): Promise<void> {
    one.verdict = verdict;
    const { batch } = one;
    const { account, store } = this.#parts;
    const carried = this.#accounts.get(batch.id) ?? (await this.#read(batch))?.account;
    if (carried !== undefined && !(await reportAccount(batch, carried, verdict, this.#parts)))
      return this.#askLater(one);
    await store.delete(batch);
    this.#forget(batch);
    if (!this.#isOwn(batch)) return;
    if (batch.receipt === undefined) account.spooled -= batch.items;
    else account.accepted -= batch.items;
    account.store(verdict.stored);
    for (const [reason, count] of Object.entries(verdict.rejected)) account.reject(reason, count);
    if (totalOf(verdict.rejected) > 0) {
      this.#parts.guard.warn(
        "rejected",
        `the platform refused ${totalOf(verdict.rejected)} of ${batch.items}: ${Object.keys(verdict.rejected).join(", ")}`,
      );
    }
  }

  async #read(batch: Batch): Promise<Content | undefined> {
    try {
      return await this.#parts.store.read(batch);
    } catch (error) {
      if (error instanceof GoneError) this.#gone(batch);
      else if (error instanceof DamagedError) this.#damaged(batch);
      else throw error;
      return undefined;
    }
  }

  async #change(batch: Batch, receipt: string | undefined): Promise<Batch | undefined> {
    try {
      return await this.#parts.store.change(batch, receipt);
    } catch (error) {
      if (!(error instanceof GoneError)) throw error;
      this.#gone(batch);
      return undefined;
    }
  }

  /** Another process has taken the batch over, as this one was suspended for long; it also reports its account. */
  #gone(batch: Batch): void {
    this.#forget(batch);
    if (!this.#isOwn(batch)) return;
    this.#leave(batch);
    this.#parts.account.handOver(batch.items);
  }

  #damaged(batch: Batch): void {
    this.#parts.guard.warn("damaged", "a file of the spool is damaged and was moved aside");
    this.#forget(batch);
    if (!this.#isOwn(batch)) return this.#parts.account.dropForeign("damaged", batch.items);
    this.#leave(batch);
    this.#parts.account.drop("damaged", batch.items);
  }

  #forget(batch: Batch): void {
    this.#accounts.delete(batch.id);
    this.#tries.delete(batch.id);
  }

  #leave(batch: Batch): void {
    if (batch.receipt === undefined) this.#parts.account.spooled -= batch.items;
    else this.#parts.account.accepted -= batch.items;
  }

  #isOwn(batch: Batch): boolean {
    return batch.run === this.#parts.store.run;
  }
}
