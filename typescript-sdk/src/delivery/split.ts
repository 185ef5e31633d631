/** Parts of an OTLP request: resource spans, scope spans, spans, which are field 1, 2 and 2 of what holds them. */
const RESOURCE_SPANS = 1;
const SCOPE_SPANS = 2;
const SPANS = 2;

/**
 * Cuts an encoded OTLP trace request into two with half of the spans each.
 *
 * @param body - Protobuf, not compressed.
 * @returns The halves and how many spans each has; undefined for a single span, which cannot be cut.
 */
export function splitTraces(body: Uint8Array): { body: Uint8Array; items: number }[] | undefined {
  const total = countSpans(body);
  if (total < 2) return undefined;
  const first = Math.floor(total / 2);
  return [
    { body: select(body, 0, first), items: first },
    { body: select(body, first, total), items: total - first },
  ];
}

/** Number of spans in an encoded OTLP trace request. */
export function countSpans(body: Uint8Array): number {
  let count = 0;
  for (const resource of fields(body)) {
    if (resource.field !== RESOURCE_SPANS) continue;
    for (const scope of fields(resource.value)) {
      if (scope.field !== SCOPE_SPANS) continue;
      for (const span of fields(scope.value)) if (span.field === SPANS) count += 1;
    }
  }
  return count;
}

/** Returns the request with the spans from one position to another. */
function select(body: Uint8Array, from: number, to: number): Uint8Array {
  let position = 0;
  const pick = (message: Uint8Array, depth: number): Uint8Array | undefined => {
    const parts: Uint8Array[] = [];
    let hasSpans = false;
    for (const part of fields(message)) {
      if (part.field !== (depth === 0 ? RESOURCE_SPANS : SCOPE_SPANS)) {
        parts.push(part.whole);
      } else if (depth === 2) {
        if (position >= from && position < to) {
          parts.push(part.whole);
          hasSpans = true;
        }
        position += 1;
      } else {
        const inner = pick(part.value, depth + 1);
        if (inner === undefined) continue;
        parts.push(message.subarray(part.start, part.keyEnd), varint(inner.byteLength), inner);
        hasSpans = true;
      }
    }
    return hasSpans ? join(parts) : undefined;
  };
  return pick(body, 0) ?? new Uint8Array();
}

interface Field {
  readonly field: number;
  readonly start: number;
  readonly keyEnd: number;
  readonly whole: Uint8Array;
  readonly value: Uint8Array;
}

function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const read = (): number => {
    let value = 0;
    let factor = 1;
    for (;;) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError("ends within a number");
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  };
  while (at < message.byteLength) {
    const start = at;
    const key = read();
    const keyEnd = at;
    const wire = key & 7;
    let from = at;
    if (wire === 0) read();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = read();
      from = at;
      at += length;
    } else throw new RangeError(`wire type ${wire}`);
    if (at > message.byteLength) throw new RangeError("ends within a field");
    yield {
      field: Math.floor(key / 8),
      start,
      keyEnd,
      whole: message.subarray(start, at),
      value: message.subarray(from, at),
    };
  }
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
