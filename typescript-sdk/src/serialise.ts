import { isSecretName, REDACTED } from "./redact";

const MAX_DEPTH = 12;
const MAX_ENTRIES = 1_000;
/** Values visited in one call; what is beyond is cut. */
const MAX_NODES = 20_000;
const CUT = "…[truncated]";

/** Most characters of one value; longer ones end in a mark that says how much is missing. */
export const MAX_CHARACTERS = 1_000_000;

/** Returns the text, cut to a length and then marked with how many characters are missing. */
export function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // A surrogate pair must not be cut in two: half of one cannot be encoded.
  const last = text.charCodeAt(limit - 1);
  const end = last >= 0xd800 && last <= 0xdbff ? limit - 1 : limit;
  return `${text.slice(0, end)}…[truncated ${text.length - end} characters]`;
}

/**
 * Returns a value as an attribute: text as it is, everything else as JSON. Never throws.
 *
 * Cycles, deep, long and huge values, functions, bytes, throwing getters and `toJSON` methods become marks; values
 * under the names of secrets are left out.
 */
export function serialise(value: unknown, redact = true): string {
  switch (typeof value) {
    case "string":
      return truncate(value, MAX_CHARACTERS);
    case "number":
    case "boolean":
    case "bigint":
      return String(value);
    case "undefined":
      return "null";
    default:
      return new Writer(redact).text(value);
  }
}

class Writer {
  #nodes = 0;
  #length = 0;
  readonly #open = new Set<object>();

  constructor(readonly redact: boolean) {}

  text(value: unknown): string {
    try {
      return this.#write(value, 0);
    } catch {
      return JSON.stringify("[cannot be shown]");
    }
  }

  #write(value: unknown, depth: number): string {
    this.#nodes += 1;
    if (this.#nodes > MAX_NODES || this.#length > MAX_CHARACTERS) return JSON.stringify(CUT);
    switch (typeof value) {
      case "string":
        return this.#string(value);
      case "number":
        return Number.isFinite(value) ? String(value) : `"${String(value)}"`;
      case "boolean":
        return value ? "true" : "false";
      case "bigint":
        return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
          ? String(value)
          : `"${String(value)}"`;
      case "function":
        return JSON.stringify(`[function ${nameOf(value)}]`);
      case "symbol":
        return JSON.stringify(String(value));
    }
    if (typeof value !== "object" || value === null) return "null";
    if (this.#open.has(value)) return '"[circular]"';
    if (depth >= MAX_DEPTH) return JSON.stringify(Array.isArray(value) ? "[array, too deep]" : "[object, too deep]");
    this.#open.add(value);
    try {
      return this.#object(value, depth);
    } catch {
      return '"[cannot be shown]"';
    } finally {
      this.#open.delete(value);
    }
  }

  #string(value: string): string {
    const text = JSON.stringify(truncate(value, Math.max(0, MAX_CHARACTERS - this.#length)));
    this.#length += text.length;
    return text;
  }

  #object(value: object, depth: number): string {
    if (Array.isArray(value)) return this.#list(value, value.length, depth);
    const special = this.#special(value, depth);
    if (special !== undefined) return special;
    const parts: string[] = [];
    let count = 0;
    for (const key in value) {
      if (!Object.prototype.hasOwnProperty.call(value, key)) continue;
      if (++count > MAX_ENTRIES) {
        parts.push(`${JSON.stringify("…")}:${JSON.stringify(CUT)}`);
        break;
      }
      parts.push(this.#entry(key, () => (value as Record<string, unknown>)[key], depth));
    }
    return `{${parts.join(",")}}`;
  }

  #entry(key: string, read: () => unknown, depth: number): string {
    const name = this.#string(key);
    if (this.redact && isSecretName(key)) return `${name}:"${REDACTED}"`;
    let held: unknown;
    try {
      held = read();
    } catch {
      return `${name}:"[cannot be read]"`;
    }
    return `${name}:${this.#write(held, depth + 1)}`;
  }

  #list(items: Iterable<unknown>, length: number, depth: number): string {
    const parts: string[] = [];
    for (const item of items) {
      if (parts.length >= MAX_ENTRIES) {
        parts.push(JSON.stringify(`${CUT} of ${length} entries`));
        break;
      }
      parts.push(this.#write(item, depth + 1));
    }
    return `[${parts.join(",")}]`;
  }

  /** Writes what is not a plain object; undefined for what is. */
  #special(value: object, depth: number): string | undefined {
    if (value instanceof Error) {
      return this.#write({ name: value.name, message: value.message, ...own(value) }, depth);
    }
    if (value instanceof Map) {
      const entries = [...takeSome(value)].map(([key, held]) => this.#entry(String(key), () => held, depth));
      return `{${entries.join(",")}}`;
    }
    if (value instanceof Set) return this.#list(value, value.size, depth);
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return JSON.stringify(`[${value.byteLength} bytes]`);
    if (value instanceof Promise) return '"[promise]"';
    if (value instanceof RegExp) return JSON.stringify(String(value));
    if (value instanceof WeakMap || value instanceof WeakSet) return '"[weak collection]"';
    const toJSON = (value as { toJSON?: unknown }).toJSON;
    if (typeof toJSON === "function") return this.#write(toJSON.call(value), depth + 1);
    return undefined;
  }
}

function own(error: Error): Record<string, unknown> {
  return Object.fromEntries(Object.entries(error).slice(0, MAX_ENTRIES));
}

function* takeSome<T>(items: Iterable<T>): Generator<T> {
  let count = 0;
  for (const item of items) {
    if (++count > MAX_ENTRIES) return;
    yield item;
  }
}

function nameOf(value: unknown): string {
  const name = (value as { name?: unknown }).name;
  return typeof name === "string" && name !== "" ? name.slice(0, 100) : "(anonymous)";
}
