import { describe, expect, it } from "vitest";
import type { Budget } from "@/api/schema";
import { budgetLeft, budgetScale, parseBudget } from "@/features/cost/budget";

const BUDGET: Budget = {
  month: "2026-11-01",
  monthly_usd: 200,
  thresholds_percent: [50, 80, 100],
  spent_usd: 120,
  remaining_usd: 80,
  used_percent: 60,
  crossed_percent: [50],
  state: "ok",
  projected_usd: 150,
  projected_low_usd: 140,
  projected_high_usd: 160,
};

describe("a budget", () => {
  it("is the scale while the month stays within it", () => {
    expect(budgetScale(BUDGET)).toEqual({
      spent: 60,
      low: 70,
      high: 80,
      projected: 75,
      thresholds: [
        { percent: 50, position: 50, isCrossed: true },
        { percent: 80, position: 80, isCrossed: false },
        { percent: 100, position: 100, isCrossed: false },
      ],
    });
  });

  it("gives way to a projection beyond it", () => {
    const { spent, thresholds, high } = budgetScale({ ...BUDGET, monthly_usd: 100, projected_high_usd: 200 });
    expect(high).toBe(100);
    expect(spent).toBe(60);
    expect(thresholds.map(({ position }) => position)).toEqual([25, 40, 50]);
  });

  it("has no thresholds beyond the scale, and none without an amount", () => {
    expect(budgetScale({ ...BUDGET, thresholds_percent: [100, 400] }).thresholds).toHaveLength(1);
    expect(budgetScale({ ...BUDGET, monthly_usd: null }).thresholds).toEqual([]);
  });

  it("stands a month without any cost", () => {
    const none = { spent_usd: 0, projected_usd: 0, projected_low_usd: 0, projected_high_usd: 0, monthly_usd: null };
    expect(budgetScale({ ...BUDGET, ...none })).toEqual({ spent: 0, low: 0, high: 0, projected: 0, thresholds: [] });
  });

  it("says what is used", () => {
    expect(budgetLeft(BUDGET)).toBe("60 % of $200.00 used");
    expect(budgetLeft({ ...BUDGET, monthly_usd: null, used_percent: null })).toBe("no budget is set");
  });
});

describe("what is entered", () => {
  it.each([
    ["500", "50, 80,100", "500", [50, 80, 100]],
    [" $1,200.50 ", "100%", "1200.50", [100]],
    ["99999999999.99", "1 1000", "99999999999.99", [1, 1000]],
  ])("takes %j and %j", (amount, thresholds, monthly_usd, thresholds_percent) => {
    expect(parseBudget(amount, thresholds)).toEqual({ budget: { monthly_usd, thresholds_percent } });
  });

  it.each(["", "0", "-5", "1.234", "1e3", "abc", "Infinity"])("refuses the amount %j", (amount) => {
    expect(parseBudget(amount, "100")).toHaveProperty("problems.monthly_usd");
  });

  it.each(["", "0", "1001", "50.5", "half"])("refuses the thresholds %j", (thresholds) => {
    expect(parseBudget("5", thresholds)).toHaveProperty("problems.thresholds_percent");
  });
});
