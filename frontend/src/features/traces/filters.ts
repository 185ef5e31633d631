import type { TraceParameters } from "@/api/traces";

/** A filter of the list as the address has it: the name of the gateway's parameter, and its values. */
export interface Filter {
  name: FilterName;
  values: string[];
}

interface Definition {
  /** What people call it, and may write before a colon. */
  label: string;
  aliases: readonly string[];
  kind: "text" | "word" | "flag" | "bound";
  /** The field of filter trees. */
  field: string;
}

function text(label: string, field: string, ...aliases: string[]): Definition {
  return { label, aliases, kind: "text", field };
}

function bound(label: string, field: string, ...aliases: string[]): Definition {
  return { label, aliases, kind: "bound", field };
}

function flag(label: string, field: string): Definition {
  return { label, aliases: [], kind: "flag", field };
}

export const FILTERS = {
  status: { label: "Status", aliases: ["status"], kind: "word", field: "status" },
  agent_id: text("Agent", "agent_id", "agent"),
  model: text("Model", "models", "model"),
  provider: text("Provider", "providers", "provider"),
  user_id: text("User", "user_id", "user"),
  session_id: text("Session", "session_id", "session"),
  environment: text("Environment", "environment", "env", "environment"),
  release: text("Release", "release", "release", "version"),
  tags: text("Tag", "tags", "tag", "tags"),
  kind: { label: "Span kind", aliases: ["kind"], kind: "word", field: "kinds" },
  tool_name: text("Tool", "tools", "tool"),
  service: text("Service", "services", "service"),
  error_type: text("Error type", "error_type", "error"),
  cost_source: { label: "Cost found by", aliases: ["cost_source"], kind: "word", field: "cost_source" },
  name: text("Name", "name", "name"),
  trace_id: text("Trace", "trace_id", "trace", "id"),
  has_error: flag("Any failed span", "has_error"),
  has_feedback: flag("Rated", "has_feedback"),
  has_score: flag("Scored", "has_score"),
  min_duration_ms: bound("Duration ≥", "duration_ms", "duration"),
  max_duration_ms: bound("Duration ≤", "duration_ms"),
  min_cost_usd: bound("Cost ≥", "cost_usd", "cost"),
  max_cost_usd: bound("Cost ≤", "cost_usd"),
  min_tokens_total: bound("Tokens ≥", "tokens_total", "tokens"),
  max_tokens_total: bound("Tokens ≤", "tokens_total"),
  min_ttft_ms: bound("First token ≥", "ttft_ms", "ttft"),
  max_ttft_ms: bound("First token ≤", "ttft_ms"),
  min_span_count: bound("Spans ≥", "span_count", "spans"),
  max_span_count: bound("Spans ≤", "span_count"),
} as const satisfies Readonly<Record<string, Definition>>;

export type FilterName = keyof typeof FILTERS;
export const FILTER_NAMES = Object.keys(FILTERS) as FilterName[];

export function definitionOf(name: FilterName): Definition {
  return FILTERS[name];
}

/** A filter tree as the gateway takes it. */
export type Tree = { and: Tree[] } | { field: string; op: string; value: unknown };

/** What was typed: filters that could be read, words to look for, and what could not be read. */
export interface Typed {
  filters: Filter[];
  q: string;
  problems: string[];
}

const TOKEN = /(-?)([a-z_]+):(?:"([^"]*)"|(\S+))|"[^"]*"|\S+/gi;
const DURATION_UNITS: Readonly<Record<string, number>> = { "": 1, ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Reads `agent:support-bot status:error cost:>0.05 "order failed"`; what names no filter are words to look for. */
export function readTyped(input: string): Typed {
  const found = new Map<FilterName, string[]>();
  const words: string[] = [];
  const problems: string[] = [];
  for (const match of input.matchAll(TOKEN)) {
    const [token, minus, alias, quoted, plain] = match;
    if (alias === undefined || minus === "-") {
      words.push(token);
      continue;
    }
    const value = quoted ?? plain ?? "";
    const reading = readFilter(alias.toLowerCase(), value);
    if (reading === null) words.push(token);
    else if (typeof reading === "string") problems.push(reading);
    else found.set(reading.name, [...(found.get(reading.name) ?? []), ...reading.values]);
  }
  const filters = [...found].map(([name, values]) => ({ name, values: [...new Set(values)] }));
  return { filters, q: words.join(" "), problems };
}

function readFilter(alias: string, value: string): Filter | string | null {
  const name = FILTER_NAMES.find((candidate) => candidate === alias || definitionOf(candidate).aliases.includes(alias));
  if (name === undefined) return null;
  const { kind, field } = definitionOf(name);
  if (kind !== "bound") return { name, values: kind === "text" ? [value] : value.split(",") };
  const parts = /^(>=?|<=?)?\s*([\d.]+)\s*([a-z]*)$/i.exec(value);
  const unit = field.endsWith("_ms") ? DURATION_UNITS[parts?.[3]?.toLowerCase() ?? ""] : parts?.[3] === "" ? 1 : undefined;
  const number = Number(parts?.[2]) * (unit ?? Number.NaN);
  if (!Number.isFinite(number)) return `${alias}:${value} needs a number, such as ${alias}:>${field.endsWith("_ms") ? "2s" : "10"}`;
  const isUpper = parts?.[1]?.startsWith("<") ?? false;
  return { name: `${isUpper ? "max" : "min"}_${field}` as FilterName, values: [String(number)] };
}

/** The filters as parameters of the list. */
export function toParameters(filters: readonly Filter[], q: string): Partial<TraceParameters> {
  const parameters: Record<string, unknown> = {};
  for (const { name, values } of filters) {
    const { kind } = definitionOf(name);
    const [first] = values;
    if (first === undefined) continue;
    parameters[name] = kind === "flag" ? first === "true" : kind === "bound" ? Number(first) : values;
  }
  if (q !== "") parameters.q = q;
  return parameters as Partial<TraceParameters>;
}

/** The filters as a tree, for exports and saved views; null when there are none. */
export function toTree(filters: readonly Filter[]): Tree | null {
  const parts = filters.flatMap(({ name, values }): Tree[] => {
    const { kind, field } = definitionOf(name);
    const [first] = values;
    if (first === undefined) return [];
    if (kind === "flag") return [{ field, op: "eq", value: first === "true" }];
    if (kind === "bound") return [{ field, op: name.startsWith("min_") ? "gte" : "lte", value: Number(first) }];
    if (name === "tags") return values.map((value) => ({ field, op: "eq", value }));
    return [{ field, op: "in", value: values }];
  });
  return parts.length === 0 ? null : { and: parts };
}

/** The filters of a tree that `toTree` can make, null for one that says more than the list can show. */
export function fromTree(tree: unknown): Filter[] | null {
  if (tree === null || tree === undefined) return [];
  const found = new Map<FilterName, string[]>();
  for (const part of isRecord(tree) && Array.isArray(tree.and) ? (tree.and as unknown[]) : [tree]) {
    if (!isRecord(part) || typeof part.field !== "string" || typeof part.op !== "string") return null;
    const filter = fromComparison(part.field, part.op, part.value);
    if (filter === null) return null;
    if (filter.name !== "tags" && found.has(filter.name)) return null;
    found.set(filter.name, [...(found.get(filter.name) ?? []), ...filter.values]);
  }
  return [...found].map(([name, values]) => ({ name, values }));
}

function fromComparison(field: string, op: string, value: unknown): Filter | null {
  const side = op === "gte" ? "min_" : op === "lte" ? "max_" : "";
  const name = FILTER_NAMES.find(
    (candidate) => definitionOf(candidate).field === field && (definitionOf(candidate).kind !== "bound" || (side !== "" && candidate.startsWith(side))),
  );
  if (name === undefined) return null;
  const { kind } = definitionOf(name);
  if (kind === "bound") return typeof value === "number" ? { name, values: [String(value)] } : null;
  if (kind === "flag") return op === "eq" && typeof value === "boolean" ? { name, values: [String(value)] } : null;
  if (op === "eq" && typeof value === "string") return { name, values: [value] };
  // Several tags in one comparison are any of them, and the list takes all.
  if (op === "in" && name !== "tags" && Array.isArray(value) && value.every((item) => typeof item === "string")) return { name, values: value };
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
