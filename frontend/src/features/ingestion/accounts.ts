import type { IngestionHealth, KeyCounts, KeyView } from "@/api/schema";
import { capitalised, shortId, toNumber } from "@/lib/format";

export interface Term {
  key: string;
  label: string;
  count: number;
  tone: "good" | "neutral" | "warn" | "bad";
  /** What it means. */
  note: string;
}

export interface Account {
  total: number;
  terms: readonly Term[];
}

/** What became of all that arrived: the terms add up to the total. */
export function serverAccount(health: IngestionHealth): Account {
  const total = toNumber(health.received_spans) ?? 0;
  const terms: Term[] = [
    { key: "stored", label: "Stored", count: toNumber(health.stored_spans) ?? 0, tone: "good", note: "Can be read" },
    { key: "duplicate", label: "Duplicate", count: toNumber(health.duplicate_spans) ?? 0, tone: "neutral", note: "Sent before, stored once" },
    { key: "rejected", label: "Rejected", count: toNumber(health.rejected_spans) ?? 0, tone: "warn", note: "Refused, the sender was told" },
    { key: "dead_lettered", label: "Dead-lettered", count: toNumber(health.dead_lettered_spans) ?? 0, tone: "bad", note: "Kept below, can be replayed" },
  ];
  const waiting = total - terms.reduce((sum, { count }) => sum + count, 0);
  if (waiting > 0) terms.push({ key: "waiting", label: "Under way", count: waiting, tone: "neutral", note: "Accepted, not yet stored" });
  return { total, terms };
}

/** What clients say of what they made; null when none has said anything. */
export function clientAccount({ client_reported: reported }: IngestionHealth): Account | null {
  const total = toNumber(reported.created) ?? 0;
  const delivered = toNumber(reported.delivered) ?? 0;
  const sampled = toNumber(reported.sampled) ?? 0;
  const dropped = Object.entries(reported.dropped)
    .map(([reason, count]) => ({ reason, count: toNumber(count) ?? 0 }))
    .sort((a, b) => b.count - a.count);
  if (total === 0 && delivered === 0 && sampled === 0 && dropped.length === 0) return null;
  const terms: Term[] = [
    { key: "delivered", label: "Delivered", count: delivered, tone: "good", note: "Taken by the server" },
    { key: "sampled", label: "Sampled out", count: sampled, tone: "neutral", note: "Left out on purpose" },
    ...dropped.map(({ reason, count }): Term => ({ key: `dropped.${reason}`, label: `Dropped: ${reasonText(reason).toLowerCase()}`, count, tone: "bad", note: "Lost at the client" })),
  ];
  const open = total - terms.reduce((sum, { count }) => sum + count, 0);
  if (open > 0) terms.push({ key: "open", label: "Not accounted for", count: open, tone: "warn", note: "Waiting at clients, or lost with them" });
  return { total, terms };
}

/** A reason as words: time_too_old is Time too old. */
export function reasonText(reason: string): string {
  const words = reason.replace(/[_-]+/g, " ").trim();
  return words === "" ? reason : capitalised(words);
}

/** Whose counters these are; keys that were revoked, or that the caller may not see, are known by their id only. */
export function keyName({ key_id: id }: Pick<KeyCounts, "key_id">, keys: readonly KeyView[] | undefined): string {
  if (id === null) return "Members themselves";
  return keys?.find((key) => key.id === id)?.name ?? `Key ${shortId(id)}`;
}
