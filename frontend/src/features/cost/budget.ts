import type { Budget, BudgetRequest } from "@/api/schema";
import { formatMoney, formatPercent } from "@/lib/format";

/** What stands below the rest of the budget. */
export function budgetLeft({ monthly_usd, used_percent }: Budget): string {
  return monthly_usd === null ? "no budget is set" : `${formatPercent(used_percent)} of ${formatMoney(monthly_usd)} used`;
}

/** Where everything stands on the scale of a budget, in percent of its width. */
export interface BudgetScale {
  spent: number;
  low: number;
  high: number;
  projected: number;
  thresholds: { percent: number; position: number; isCrossed: boolean }[];
}

/** The scale reaches as far as the budget, what is spent and the projection, whichever is most. */
export function budgetScale(budget: Budget): BudgetScale {
  const { monthly_usd, spent_usd, projected_usd, projected_low_usd, projected_high_usd, crossed_percent } = budget;
  const most = Math.max(monthly_usd ?? 0, spent_usd, projected_high_usd);
  const position = (amount: number) => (most === 0 ? 0 : Math.min(100, (amount / most) * 100));
  return {
    spent: position(spent_usd),
    low: position(projected_low_usd),
    high: position(projected_high_usd),
    projected: position(projected_usd),
    thresholds:
      monthly_usd === null
        ? []
        : budget.thresholds_percent
            .filter((percent) => (monthly_usd * percent) / 100 <= most)
            .map((percent) => ({
              percent,
              position: position((monthly_usd * percent) / 100),
              isCrossed: crossed_percent.includes(percent),
            })),
  };
}

export interface BudgetProblems {
  monthly_usd?: string;
  thresholds_percent?: string;
}

/** What was entered as a budget, or what is wrong with it. */
export function parseBudget(amount: string, thresholds: string): { budget: BudgetRequest } | { problems: BudgetProblems } {
  const problems: BudgetProblems = {};
  const text = amount.trim().replace(/^\$/, "").replaceAll(",", "");
  if (!/^\d+(\.\d{1,2})?$/.test(text) || Number(text) <= 0) problems.monthly_usd = "Give an amount above zero, with two decimals at most.";
  const percentages = thresholds.split(/[\s,;%]+/).filter((part) => part !== "");
  const numbers = percentages.map(Number);
  if (numbers.length === 0 || numbers.some((number) => !Number.isInteger(number) || number < 1 || number > 1000)) {
    problems.thresholds_percent = "Give whole percentages from 1 to 1000, such as 50, 80, 100.";
  }
  if (Object.keys(problems).length > 0) return { problems };
  // As text, so that no digit of a large amount is lost.
  return { budget: { monthly_usd: text, thresholds_percent: numbers } };
}
