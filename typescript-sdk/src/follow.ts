import { context, type Context } from "@opentelemetry/api";
import type { Guard } from "./guard";

/** How a call ended. */
export type Ending = { readonly value: unknown } | { readonly error: unknown };

const MAX_PARTS = 1_000;

/**
 * Returns what a call returned, and says once how it ended: at once for a plain value, later for promises and
 * generators, which settle, yield, throw and close as before.
 *
 * @param result - What the call returned.
 * @param inner - Context in which generators go on.
 * @param guard - Catches failures of the following itself.
 * @param ended - Takes the ending.
 */
export function follow<R>(result: R, inner: Context, guard: Guard, ended: (ending: Ending) => void): R {
  let isOver = false;
  const end = (ending: Ending): void => {
    if (isOver) return;
    isOver = true;
    ended(ending);
  };
  if (typeof result !== "object" || result === null) {
    end({ value: result });
    return result;
  }
  try {
    if (isPlainPromise(result)) return followPromise(result, end) as R;
    if (hasThen(result)) return followThenable(result, end);
    const tag = Object.prototype.toString.call(result);
    if (tag === "[object Generator]") return followGenerator(result as unknown as Generator, inner, end) as R;
    if (tag === "[object AsyncGenerator]")
      return followAsyncGenerator(result as unknown as AsyncGenerator, inner, end) as R;
  } catch (error) {
    guard.failed(error);
  }
  end({ value: result });
  return result;
}

function isPlainPromise(value: object): value is Promise<unknown> {
  return (
    value instanceof Promise && Object.getPrototypeOf(value) === Promise.prototype && !Object.hasOwn(value, "then")
  );
}

function followPromise(promise: Promise<unknown>, end: (ending: Ending) => void): Promise<unknown> {
  return promise.then(
    (value) => {
      end({ value });
      return value;
    },
    (error: unknown) => {
      end({ error });
      throw error;
    },
  );
}

type Then = (
  fulfilled?: ((value: unknown) => unknown) | null,
  rejected?: ((error: unknown) => unknown) | null,
) => unknown;

function hasThen(value: object): value is { then: Then } {
  return "then" in value && typeof value.then === "function";
}

/**
 * Follows a promise of some library's own class. It is returned itself, since it may have more methods, and not awaited
 * here, since some begin their work only then: what the application does with it is watched instead.
 */
function followThenable<R extends { then: Then }>(thenable: R, end: (ending: Ending) => void): R {
  const original = thenable.then;
  const watched: Then = (fulfilled, rejected) =>
    original.call(
      thenable,
      (value) => {
        end({ value });
        return fulfilled ? fulfilled(value) : value;
      },
      (error) => {
        end({ error });
        if (rejected) return rejected(error);
        throw error;
      },
    );
  Object.defineProperty(thenable, "then", { value: watched, configurable: true, writable: true });
  return thenable;
}

/** Gathers what a generator yielded: text is joined, other things are listed, up to a bound. */
class Parts {
  #parts: unknown[] = [];
  #left = 0;
  #isText = true;

  add(part: unknown): void {
    if (
      this.#isText &&
      typeof part === "string" &&
      typeof this.#parts[0] === "string" &&
      this.#parts.length === 1 &&
      this.#parts[0].length < 1_000_000
    ) {
      this.#parts[0] += part;
      return;
    }
    if (typeof part !== "string") this.#isText = false;
    if (this.#parts.length < MAX_PARTS) this.#parts.push(part);
    else this.#left += 1;
  }

  value(returned: unknown): unknown {
    if (this.#parts.length === 0) return returned;
    if (this.#parts.length === 1 && this.#isText) return this.#parts[0];
    return this.#left > 0 ? [...this.#parts, `…[truncated ${this.#left} parts]`] : this.#parts;
  }
}

function followGenerator(generator: Generator, inner: Context, end: (ending: Ending) => void): Generator {
  const parts = new Parts();
  const step = (move: () => IteratorResult<unknown>): IteratorResult<unknown> => {
    let result: IteratorResult<unknown>;
    try {
      result = context.with(inner, move);
    } catch (error) {
      end({ error });
      throw error;
    }
    if (result.done) end({ value: parts.value(result.value) });
    else parts.add(result.value);
    return result;
  };
  return Object.create(Object.getPrototypeOf(generator) as object, {
    next: method((...values: [] | [unknown]) => step(() => generator.next(...values))),
    return: method((value: unknown) => step(() => generator.return(value))),
    throw: method((error: unknown) => step(() => generator.throw(error))),
  }) as Generator;
}

function followAsyncGenerator(
  generator: AsyncGenerator,
  inner: Context,
  end: (ending: Ending) => void,
): AsyncGenerator {
  const parts = new Parts();
  const step = (move: () => Promise<IteratorResult<unknown>>): Promise<IteratorResult<unknown>> =>
    context.with(inner, move).then(
      (result) => {
        if (result.done) end({ value: parts.value(result.value) });
        else parts.add(result.value);
        return result;
      },
      (error: unknown) => {
        end({ error });
        throw error;
      },
    );
  return Object.create(Object.getPrototypeOf(generator) as object, {
    next: method((...values: [] | [unknown]) => step(() => generator.next(...values))),
    return: method((value: unknown) => step(() => generator.return(value))),
    throw: method((error: unknown) => step(() => generator.throw(error))),
  }) as AsyncGenerator;
}

function method(value: unknown): PropertyDescriptor {
  return { value, configurable: true, writable: true };
}
