import type { Price, PriceBody, PriceRates } from "@/api/schema";
import { formatMoney, MISSING } from "@/lib/format";

/** Rates that a price may have, in the order of the form; what is left empty costs what its whole costs. */
export const RATES = [
  { name: "input", label: "Input", hint: "USD per million tokens", isNeeded: true },
  { name: "output", label: "Output", hint: "USD per million tokens", isNeeded: true },
  { name: "cached_input", label: "Input from cache", hint: "As input unless given", isNeeded: false },
  { name: "cache_write", label: "Writing to the cache", hint: "As input unless given", isNeeded: false },
  { name: "reasoning", label: "Reasoning", hint: "As output unless given", isNeeded: false },
  { name: "request", label: "Per thousand calls", hint: "USD, on top of tokens", isNeeded: false },
] as const;
export type RateName = (typeof RATES)[number]["name"];

export const STATES = {
  in_force: "In force",
  scheduled: "Begins later",
  superseded: "Superseded",
  ended: "Ended",
  replaced: "Corrected or deleted",
} as const satisfies Record<Price["state"], string>;

export const SOURCES = { workspace: "Yours", catalogue: "Catalogue" } as const satisfies Record<Price["source"], string>;

export type RateProblems = Partial<Record<RateName, string>>;
type RatesBody = PriceBody["prices"];

/** The rates that were entered, or what is wrong with them; tiers are kept as they were. */
export function parseRates(textOf: (name: RateName) => string, tiers: RatesBody["tiers"]): { rates: RatesBody } | { problems: RateProblems } {
  const problems: RateProblems = {};
  const amounts: Partial<Record<RateName, string>> = {};
  for (const { name, isNeeded } of RATES) {
    const text = textOf(name).trim().replace(/^\$/, "").replaceAll(",", "");
    if (text === "") {
      if (isNeeded) problems[name] = "Give an amount; 0 says that it is free.";
    } else if (!/^\d{1,6}(\.\d{1,9})?$/.test(text)) problems[name] = "Give an amount in USD, such as 2.50.";
    else amounts[name] = text;
  }
  const { input, output, ...others } = amounts;
  if (input === undefined || output === undefined || Object.keys(problems).length > 0) return { problems };
  // As text, so that no digit is lost.
  return { rates: { input, output, ...others, tiers: tiers ?? [] } };
}

/** The rate as an input shows it. */
export function rateText(rates: PriceRates | undefined, name: RateName): string {
  const rate = rates?.[name];
  return rate === null || rate === undefined ? "" : String(rate);
}

/** A rate of a list; what has none of its own costs what its whole costs. */
export function formatRateOf(rates: PriceRates, name: RateName): string {
  const rate = rates[name];
  return rate === null ? MISSING : rate === 0 ? "free" : formatMoney(rate);
}

/** A moment as an input of date and time takes it, in the viewer's zone. */
export function localMoment(value: string | null): string {
  if (value === null) return "";
  const moment = new Date(value);
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The moment that such an input holds, null when it is empty. */
export function momentOf(text: string): string | null {
  return text === "" ? null : new Date(text).toISOString();
}
