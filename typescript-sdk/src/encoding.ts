import type { Attributes, AttributeValue } from "@opentelemetry/api";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { Guard } from "./guard";
import { isSecretName, REDACTED, redactText } from "./redact";
import { MAX_CHARACTERS, truncate } from "./serialise";

/** Hook that may change what leaves the process: it gets each text of a span with the name of its attribute. */
export type Mask = (value: string, key: string) => string;

const SHORT = 12;

/** Returns what encodes spans as an OTLP request, without secrets and after the mask. */
export function spanEncoder(
  guard: Guard,
  mask: Mask | undefined,
): (spans: readonly ReadableSpan[]) => Uint8Array | undefined {
  const cleanText = (value: string, key: string): string => {
    if (isSecretName(key)) return REDACTED;
    let text = value.length > MAX_CHARACTERS ? truncate(value, MAX_CHARACTERS) : value;
    if (text.length > SHORT) text = redactText(text);
    if (mask === undefined) return text;
    try {
      const masked: unknown = mask(text, key);
      if (typeof masked === "string") return masked;
      guard.warn("mask", "the mask returned something else than text; the content is left out");
    } catch {
      guard.warn("mask", "the mask failed; the content is left out");
    }
    return "<removed: the mask failed>";
  };
  return (spans) => {
    const clean = spans.map((span) => cleanSpan(span, cleanText));
    try {
      return ProtobufTraceSerializer.serializeRequest(clean);
    } catch (error) {
      guard.failed(error);
      // One that cannot be encoded must not take the others along.
      return ProtobufTraceSerializer.serializeRequest(clean.map((span) => (isEncodable(span) ? span : bare(span))));
    }
  };
}

function isEncodable(span: ReadableSpan): boolean {
  try {
    return ProtobufTraceSerializer.serializeRequest([span]) !== undefined;
  } catch {
    return false;
  }
}

/** Returns what is left of a span without all that somebody may have put into it. */
function bare(span: ReadableSpan): ReadableSpan {
  return Object.create(span, {
    name: { value: typeof span.name === "string" ? span.name : "unnamed" },
    attributes: { value: {} },
    events: { value: [] },
    links: { value: [] },
    status: { value: { code: span.status.code } },
  }) as ReadableSpan;
}

type CleanText = (value: string, key: string) => string;

/** Returns the span as it may leave the process; the span itself stays as it is, since other exporters may hold it. */
function cleanSpan(span: ReadableSpan, cleanText: CleanText): ReadableSpan {
  const attributes = cleanAttributes(span.attributes, cleanText);
  const message = span.status.message === undefined ? undefined : cleanText(span.status.message, "status.message");
  const events = span.events.some((event) => event.attributes !== undefined)
    ? span.events.map((event) =>
        event.attributes ? { ...event, attributes: cleanAttributes(event.attributes, cleanText) } : event,
      )
    : span.events;
  if (attributes === span.attributes && events === span.events && message === span.status.message) return span;
  return Object.create(span, {
    attributes: { value: attributes },
    events: { value: events },
    status: { value: message === undefined ? span.status : { ...span.status, message } },
  }) as ReadableSpan;
}

function cleanAttributes(attributes: Attributes, cleanText: CleanText): Attributes {
  let changed: Attributes | undefined;
  for (const key in attributes) {
    const value = attributes[key];
    const clean = cleanValue(value, key, cleanText);
    if (clean !== value) (changed ??= { ...attributes })[key] = clean;
  }
  return changed ?? attributes;
}

function cleanValue(value: AttributeValue | undefined, key: string, cleanText: CleanText): AttributeValue | undefined {
  if (typeof value === "string") return cleanText(value, key);
  if (!Array.isArray(value) || !value.some((item) => typeof item === "string")) return value;
  const clean = value.map((item) => (typeof item === "string" ? cleanText(item, key) : item)) as string[];
  return clean.some((item, index) => item !== value[index]) ? clean : value;
}
