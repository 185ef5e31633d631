import { randomBytes } from "node:crypto";

type Scalar = string | number | boolean;

/** A span as OTLP's JSON has it, with times in milliseconds and attributes as an object. */
export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  start: number;
  /** Milliseconds. */
  duration: number;
  attributes?: Readonly<Record<string, Scalar>>;
  events?: readonly { name: string; at: number; attributes?: Readonly<Record<string, Scalar>> }[];
  error?: string;
}

export interface OtlpRequest {
  spans: readonly OtlpSpan[];
  resource?: Readonly<Record<string, Scalar>>;
  scope?: string;
}

export const newTraceId = () => randomBytes(16).toString("hex");
export const newSpanId = () => randomBytes(8).toString("hex");

function keyValues(attributes: Readonly<Record<string, Scalar>> = {}) {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === "string" ? { stringValue: value }
      : typeof value === "boolean" ? { boolValue: value }
      : Number.isInteger(value) ? { intValue: String(value) }
      : { doubleValue: value },
  }));
}

const nanoseconds = (milliseconds: number) => `${Math.round(milliseconds)}000000`;

/** The body of a request to /v1/traces. */
export function otlpBody({ spans, resource, scope = "e2e" }: OtlpRequest) {
  return {
    resourceSpans: [
      {
        resource: { attributes: keyValues(resource) },
        scopeSpans: [
          {
            scope: { name: scope, version: "1" },
            spans: spans.map(({ traceId, spanId, parentSpanId, name, start, duration, attributes, events = [], error }) => ({
              traceId,
              spanId,
              ...(parentSpanId === undefined ? {} : { parentSpanId }),
              name,
              kind: 1,
              startTimeUnixNano: nanoseconds(start),
              endTimeUnixNano: nanoseconds(start + duration),
              attributes: keyValues(attributes),
              events: events.map((event) => ({ name: event.name, timeUnixNano: nanoseconds(event.at), attributes: keyValues(event.attributes) })),
              status: error === undefined ? {} : { code: 2, message: error },
            })),
          },
        ],
      },
    ],
  };
}
