import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";

/** Runs a part of the SDK outside the application's trace, and so that its own requests are not traced. */
export function untraced<T>(part: () => T): T {
  return context.with(suppressTracing(ROOT_CONTEXT), part);
}

/** A timer that does not keep the process alive, and runs outside the trace in which it was set. */
export class Timer {
  #handle: ReturnType<typeof setTimeout> | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(readonly run: () => void) {}

  /** Whether it is going to run. */
  get isSet(): boolean {
    return this.#handle !== undefined;
  }

  /** Sets it to run after so many milliseconds, unless it runs sooner already. */
  within(delayMs: number): void {
    const at = performance.now() + delayMs;
    if (this.#handle !== undefined && at >= this.#at) return;
    this.cancel();
    this.#at = at;
    this.#handle = untraced(() =>
      setTimeout(() => {
        this.#handle = undefined;
        this.run();
      }, delayMs),
    );
    // Where timers are numbers, they keep nothing alive.
    const handle: { unref?: () => void } | number = this.#handle;
    if (typeof handle === "object") handle.unref?.();
  }

  cancel(): void {
    if (this.#handle !== undefined) clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}
