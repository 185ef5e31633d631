import { describe, expect, it } from "vitest";
import { localMoment, momentOf, parseRates, type RateName, rateText } from "@/features/prices/rates";

const typed = (values: Partial<Record<RateName, string>>) => (name: RateName) => values[name] ?? "";

describe("parseRates", () => {
  it("takes amounts digit by digit, with a sign of currency or commas", () => {
    expect(parseRates(typed({ input: " $2.50", output: "1,000.000000001", cached_input: "0" }), [])).toEqual({
      rates: { input: "2.50", output: "1000.000000001", cached_input: "0", tiers: [] },
    });
  });

  it("needs input and output", () => {
    expect(parseRates(typed({ input: "2" }), [])).toEqual({ problems: { output: "Give an amount; 0 says that it is free." } });
  });

  it.each(["-1", "1e3", "two", "0.0000000001", "1234567"])("refuses %s", (text) => {
    expect(parseRates(typed({ input: "1", output: "1", reasoning: text }), [])).toEqual({
      problems: { reasoning: "Give an amount in USD, such as 2.50." },
    });
  });

  it("keeps the tiers of a price that is corrected", () => {
    const tiers = [{ above_tokens: 200_000, input: "4" }];
    expect(parseRates(typed({ input: "2", output: "8" }), tiers)).toMatchObject({ rates: { tiers } });
  });
});

describe("moments", () => {
  it("come back as they were, to the minute", () => {
    const moment = "2026-11-28T10:30:00.000Z";
    expect(momentOf(localMoment(moment))).toBe(moment);
    expect(momentOf(localMoment(null))).toBeNull();
  });
});

describe("rateText", () => {
  it("is empty without a rate, and 0 when it is free", () => {
    const rates = { input: 0, output: 8, cached_input: null, cache_write: null, reasoning: null, request: null, tiers: [], daily: [], other: {} };
    expect(rateText(rates, "input")).toBe("0");
    expect(rateText(rates, "cached_input")).toBe("");
    expect(rateText(undefined, "input")).toBe("");
  });
});
