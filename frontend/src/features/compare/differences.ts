import type { Span, Trace } from "@/api/schema";
import { formatCount, formatDuration, formatMoney, formatPercent, MISSING, toNumber } from "@/lib/format";

/** A fact of two traces beside each other. */
export interface Fact {
  name: string;
  first: string;
  second: string;
  /** How far the second is from the first, null for what is no number. */
  change: { text: string; isMore: boolean } | null;
  isSame: boolean;
}

type Side = Pick<
  Trace,
  | "status" | "duration_ms" | "cost_usd" | "tokens_input" | "tokens_output" | "llm_call_count" | "tool_call_count" | "span_count"
  | "error_count" | "models" | "agent_id" | "environment" | "release"
>;

/** What two traces were, fact by fact. */
export function factsOf(first: Side, second: Side): Fact[] {
  const text = (name: string, of: (side: Side) => string | null): Fact => {
    const [a, b] = [of(first) ?? MISSING, of(second) ?? MISSING];
    return { name, first: a, second: b, change: null, isSame: a === b };
  };
  const number = (name: string, of: (side: Side) => number | string | null, format: (value: number | null) => string): Fact => {
    const [a, b] = [toNumber(of(first)), toNumber(of(second))];
    return { name, first: format(a), second: format(b), change: changeOf(a, b, format), isSame: a === b };
  };
  return [
    text("Status", ({ status }) => status),
    text("Agent", ({ agent_id }) => agent_id),
    text("Release", ({ release }) => release),
    text("Environment", ({ environment }) => environment),
    text("Models", ({ models }) => models.toSorted().join(", ") || null),
    number("Duration", ({ duration_ms }) => duration_ms, formatDuration),
    number("Cost", ({ cost_usd }) => cost_usd, formatMoney),
    number("Input tokens", ({ tokens_input }) => tokens_input, formatCount),
    number("Output tokens", ({ tokens_output }) => tokens_output, formatCount),
    number("Model calls", ({ llm_call_count }) => llm_call_count, formatCount),
    number("Tool calls", ({ tool_call_count }) => tool_call_count, formatCount),
    number("Spans", ({ span_count }) => span_count, formatCount),
    number("Failed spans", ({ error_count }) => error_count, formatCount),
  ];
}

function changeOf(first: number | null, second: number | null, format: (value: number | null) => string): Fact["change"] {
  if (first === null || second === null || first === second) return null;
  const difference = second - first;
  const percent = first === 0 ? "" : `, ${difference > 0 ? "+" : "−"}${formatPercent(Math.abs((difference / first) * 100))}`;
  return { text: `${difference > 0 ? "+" : "−"}${format(Math.abs(difference))}${percent}`, isMore: difference > 0 };
}

/** The spans of one kind and name in two traces. */
export interface SpanGroup {
  key: string;
  kind: Span["kind"];
  name: string;
  first: GroupSums | null;
  second: GroupSums | null;
}

export interface GroupSums {
  count: number;
  failed: number;
  /** Milliseconds of all of them; spans beside each other count each. */
  duration: number;
}

/** Spans of two traces put together by kind and name, in the order in which they are first met. */
export function groupsOf(first: readonly Span[], second: readonly Span[]): SpanGroup[] {
  const groups = new Map<string, SpanGroup>();
  for (const [side, spans] of [["first", first], ["second", second]] as const) {
    for (const { kind, name, status, duration_ms } of spans) {
      const key = JSON.stringify([kind, name]);
      const group = groups.get(key) ?? { key, kind, name, first: null, second: null };
      groups.set(key, group);
      const sums = (group[side] ??= { count: 0, failed: 0, duration: 0 });
      sums.count += 1;
      sums.failed += status === "success" ? 0 : 1;
      sums.duration += duration_ms ?? 0;
    }
  }
  return [...groups.values()];
}
