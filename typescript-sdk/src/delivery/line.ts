import type { Guard } from "../guard";
import type { Answer } from "./transport";

const LONGEST_BACKOFF_MS = 60_000;
const REFUSED_MS = 60_000;

/** Whether requests get through, and from when on the next one may be made. */
export class Line {
  /** Moment on the clock of `performance` before which nothing is sent. */
  blockedUntil = 0;
  readonly #guard: Guard;
  #failures = 0;
  #isRefused = false;
  #isHeldByPlatform = false;

  constructor(guard: Guard) {
    this.#guard = guard;
  }

  /** Whether the last request had no answer, a failing one, or a refusal of the key. */
  get isFailing(): boolean {
    return this.#failures > 0 || this.#isRefused;
  }

  /** Whether the platform refuses the key. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** Lets the next request be made at once, unless the platform has named a time. */
  hurry(): void {
    if (!this.#isHeldByPlatform) this.blockedUntil = 0;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isRefused = false;
    this.#isHeldByPlatform = false;
    this.blockedUntil = 0;
  }

  /** Notes that the key or the address was refused. */
  refused(status: number): void {
    this.#isRefused = true;
    this.blockedUntil = performance.now() + REFUSED_MS;
    const what =
      status === 401 || status === 403 ? "the platform refuses the API key" : "the endpoint is not the platform's";
    this.#guard.warn("refused", `${what} (HTTP ${status}); what is traced is kept and tried again`);
  }

  /** Notes that nothing gets through now: the answer that says so, or the error that came instead of one. */
  failed(answer: Answer | undefined, error: unknown): void {
    const wait = Math.max(backoffMs(this.#failures), answer?.retryAfterMs ?? 0);
    this.#failures += 1;
    this.#isHeldByPlatform = answer?.retryAfterMs !== undefined;
    this.blockedUntil = Math.max(this.blockedUntil, performance.now() + wait);
    const cause = answer
      ? `HTTP ${answer.status}`
      : error instanceof Error && "code" in error
        ? String(error.code)
        : "no answer";
    this.#guard.warn("unreachable", `the platform cannot take traces now (${cause}); they are kept and tried again`);
  }
}

/** Milliseconds until the next try after so many failures: 1, 2, 4 … 60 s, each at random between half and whole. */
export function backoffMs(failures: number): number {
  return Math.min(LONGEST_BACKOFF_MS, 1_000 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2);
}
