/** What became of every item (span, score, feedback, outcome) that this process made. */
export interface DeliveryReport {
  /** Items made by this process; what it delivers for processes that died is not among them. */
  readonly created: number;
  /** Items in memory. */
  readonly queued: number;
  /** Items on disk that the platform has not answered for yet. */
  readonly spooled: number;
  /** Items in the platform's durable queue, not yet stored. */
  readonly accepted: number;
  /** Items that the platform's receipts call stored. */
  readonly stored: number;
  /** Items refused by the platform, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Items left out by head sampling. */
  readonly sampled: number;
  /** Items dropped by the SDK, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Whether nothing is under way any more. */
  readonly complete: boolean;
}

/** Items that a file brings, and what was sampled and dropped in its run since the file before. */
export interface FileAccount {
  readonly created: number;
  readonly sampled: number;
  readonly dropped: Readonly<Record<string, number>>;
}

/** Adds a count under a reason. */
export function addReason(reasons: Record<string, number>, reason: string, count: number): void {
  if (count > 0) reasons[reason] = (reasons[reason] ?? 0) + count;
}

/** Sum of the counts of all reasons. */
export function totalOf(reasons: Readonly<Record<string, number>>): number {
  return Object.values(reasons).reduce((sum, count) => sum + count, 0);
}

/**
 * Counts items. Each item is created once and is at every moment in exactly one of the other counts, so that
 * `created = queued + spooled + accepted + stored + rejected + sampled + dropped`.
 */
export class Account {
  queued = 0;
  spooled = 0;
  accepted = 0;
  #created = 0;
  #stored = 0;
  #sampled = 0;
  #rejected: Record<string, number> = {};
  #dropped: Record<string, number> = {};
  #unreportedSampled = 0;
  #unreportedDropped: Record<string, number> = {};

  create(): void {
    this.#created += 1;
    this.queued += 1;
  }

  sample(): void {
    this.#created += 1;
    this.#sampled += 1;
    this.#unreportedSampled += 1;
  }

  /** Counts an item that is not queued at all as created and dropped. */
  refuse(reason: string): void {
    this.#created += 1;
    this.drop(reason, 1);
  }

  /** Counts items as dropped; the caller takes them out of the count that they were in. */
  drop(reason: string, count: number): void {
    addReason(this.#dropped, reason, count);
    addReason(this.#unreportedDropped, reason, count);
  }

  store(count: number): void {
    this.#stored += count;
  }

  reject(reason: string, count: number): void {
    addReason(this.#rejected, reason, count);
  }

  /** Leaves items of a file that another process has taken over to the account of that one. */
  handOver(count: number): void {
    this.#created -= count;
  }

  /** Counts items of a damaged file of a dead run: they were never reported, and are no items of this process. */
  dropForeign(reason: string, count: number): void {
    addReason(this.#unreportedDropped, reason, count);
  }

  /** Whether anything was sampled or dropped that no file carries yet. */
  get hasUnreported(): boolean {
    return this.#unreportedSampled > 0 || Object.keys(this.#unreportedDropped).length > 0;
  }

  /**
   * Takes what a new file is to carry. Items still in memory are not part of it: a run that is killed must not have
   * reported what it never handed over.
   */
  takeForFile(items: number): FileAccount {
    const dropped = this.#unreportedDropped;
    const sampled = this.#unreportedSampled;
    this.#unreportedDropped = {};
    this.#unreportedSampled = 0;
    return { created: items + sampled + totalOf(dropped), sampled, dropped };
  }

  /** Puts back what `takeForFile` gave when the file could not be written. */
  giveBack(account: FileAccount): void {
    this.#unreportedSampled += account.sampled;
    for (const [reason, count] of Object.entries(account.dropped)) addReason(this.#unreportedDropped, reason, count);
  }

  report(): DeliveryReport {
    return {
      created: this.#created,
      queued: this.queued,
      spooled: this.spooled,
      accepted: this.accepted,
      stored: this.#stored,
      rejected: { ...this.#rejected },
      sampled: this.#sampled,
      dropped: { ...this.#dropped },
      complete: this.queued + this.spooled + this.accepted === 0,
    };
  }
}
