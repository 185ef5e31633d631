import { describe, expect, it } from "vitest";
import type { IngestionHealth } from "@/api/schema";
import { clientAccount, keyName, reasonText, serverAccount } from "@/features/ingestion/accounts";

const HEALTH: IngestionHealth = {
  received_spans: 100, stored_spans: 80, duplicate_spans: 5, rejected_spans: 7, dead_lettered_spans: 3,
  by_reason: [], by_key: [], backlog_spans: 0, throughput_spans_per_s: 1, lag_seconds: { p50: null, p95: null, now: 0 },
  client_reported: { created: 0, delivered: 0, sampled: 0, dropped: {} },
};

const sum = (terms: readonly { count: number }[]) => terms.reduce((total, { count }) => total + count, 0);

describe("what became of what arrived", () => {
  it("adds up, with what is under way", () => {
    const { total, terms } = serverAccount(HEALTH);
    expect(terms.map(({ key, count }) => [key, count])).toEqual([
      ["stored", 80], ["duplicate", 5], ["rejected", 7], ["dead_lettered", 3], ["waiting", 5],
    ]);
    expect(sum(terms)).toBe(total);
  });
  it("names nothing under way when nothing is", () => {
    const { terms } = serverAccount({ ...HEALTH, stored_spans: 85 });
    expect(terms.map(({ key }) => key)).not.toContain("waiting");
  });
});

describe("what clients say", () => {
  it("is unknown while none has said anything", () => expect(clientAccount(HEALTH)).toBeNull());
  it("adds up, the largest loss first", () => {
    const account = clientAccount({ ...HEALTH, client_reported: { created: 50, delivered: 30, sampled: 10, dropped: { network: 2, queue_full: 6 } } });
    expect(account?.terms.map(({ label, count }) => [label, count])).toEqual([
      ["Delivered", 30], ["Sampled out", 10], ["Dropped: queue full", 6], ["Dropped: network", 2], ["Not accounted for", 2],
    ]);
    expect(sum(account?.terms ?? [])).toBe(50);
  });
});

describe("names", () => {
  it.each([["time_too_old", "Time too old"], ["data", "Data"], ["", ""], ["__", "__"]])("writes %s as %s", (reason, text) =>
    expect(reasonText(reason)).toBe(text),
  );
  it("knows keys by name, by id, and members", () => {
    const key = { id: "0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81", name: "shop", prefix: "ao", scopes: [], created_by: "", created_at: "", expires_at: null, last_used_at: null };
    expect(keyName({ key_id: key.id }, [key])).toBe("shop");
    expect(keyName({ key_id: key.id }, undefined)).toBe("Key 0193fb5…7e81");
    expect(keyName({ key_id: null }, [key])).toBe("Members themselves");
  });
});
