const QUIET_MS = 60_000;

/** Keeps failures of the SDK out of the application: they are caught, and logged at most once a minute. */
export class Guard {
  readonly #log: (message: string) => void;
  readonly #said = new Map<string, number>();

  constructor(log: (message: string) => void) {
    this.#log = log;
  }

  /** Runs a part of the SDK; returns the fallback when it fails. */
  run<T>(fallback: T, part: () => T): T {
    try {
      return part();
    } catch (error) {
      this.failed(error);
      return fallback;
    }
  }

  /** Notes a failure of the SDK. */
  failed(error: unknown): void {
    this.warn("failure", `an error inside the SDK; the application is not affected: ${describe(error)}`);
  }

  /** Logs a warning, at most one a minute of each kind. */
  warn(kind: string, message: string): void {
    const now = Date.now();
    const last = this.#said.get(kind);
    if (last !== undefined && now - last < QUIET_MS) return;
    this.#said.set(kind, now);
    this.#log(`agent-observability: ${message}`);
  }
}

/** Says what went wrong in one line, whatever was thrown. */
export function describe(error: unknown): string {
  try {
    if (error instanceof Error) return `${error.name}: ${error.message}`;
    return String(error);
  } catch {
    return "unknown error";
  }
}
