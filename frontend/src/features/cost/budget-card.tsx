"use client";

import { CircleAlert, CircleCheck, CircleX } from "lucide-react";
import type { ReactNode } from "react";
import { useMay } from "@/api/account";
import type { Budget } from "@/api/schema";
import { Badge, type Tone } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { BudgetDialog } from "@/features/cost/budget-dialog";
import { budgetScale } from "@/features/cost/budget";
import { formatMoney, formatMonth, formatPercent } from "@/lib/format";

const STATES: Readonly<Record<Exclude<Budget["state"], "none">, { tone: Tone; icon: typeof CircleCheck; label: string }>> = {
  ok: { tone: "good", icon: CircleCheck, label: "Within budget" },
  warning: { tone: "warn", icon: CircleAlert, label: "Threshold reached" },
  exceeded: { tone: "bad", icon: CircleX, label: "Exceeded" },
};

/** What the month has cost, may cost and will cost at its pace. */
export function BudgetCard({ budget }: { budget: Budget }) {
  const mayChange = useMay("cost:write");
  return (
    <Card title={`Budget, ${formatMonth(budget.month)}`} aside={<StateBadge state={budget.state} />} className="flex h-full flex-col">
      <p className="tabular flex flex-wrap items-baseline gap-x-1.5">
        <span className="text-xl font-semibold">{formatMoney(budget.spent_usd)}</span>
        <span className="text-sm text-muted">{budget.monthly_usd === null ? "spent so far" : `of ${formatMoney(budget.monthly_usd)}`}</span>
      </p>
      <Scale budget={budget} />
      <dl className="mt-3 grid gap-1.5 text-sm">
        {budget.monthly_usd === null ? null : (
          <>
            <Fact name="Left">{formatMoney(budget.remaining_usd)}</Fact>
            <Fact name="Used">{formatPercent(budget.used_percent)}</Fact>
          </>
        )}
        <Fact name="Projected">{formatMoney(budget.projected_usd)}</Fact>
        <Fact name="80 % likely">
          {formatMoney(budget.projected_low_usd)} – {formatMoney(budget.projected_high_usd)}
        </Fact>
      </dl>
      <p className="mt-2 text-xs text-muted">Calendar month in UTC, all environments, projected at the pace of the last seven days.</p>
      <div className="mt-auto flex items-center justify-between gap-2 pt-3">
        {mayChange ? (
          <BudgetDialog budget={budget} />
        ) : (
          <p className="text-xs text-muted">Owners, administrators and billing may set the budget.</p>
        )}
      </div>
    </Card>
  );
}

function StateBadge({ state }: { state: Budget["state"] }) {
  if (state === "none") return <Badge>No budget</Badge>;
  const { tone, icon: Icon, label } = STATES[state];
  return (
    <Badge tone={tone}>
      <Icon aria-hidden />
      {label}
    </Badge>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="text-muted">{name}</dt>
      <dd className="tabular text-right font-medium">{children}</dd>
    </div>
  );
}

const FILLS: Readonly<Record<Budget["state"], string>> = { none: "bg-accent", ok: "bg-accent", warning: "bg-warn", exceeded: "bg-bad" };

/** The month on one line: what is spent, the range of the projection behind it, and the thresholds. */
function Scale({ budget }: { budget: Budget }) {
  const { spent, low, high, projected, thresholds } = budgetScale(budget);
  const told = thresholds.map(({ percent, isCrossed }) => `${percent} % ${isCrossed ? "reached" : "not reached"}`);
  return (
    <div
      role="img"
      aria-label={`Spent ${formatMoney(budget.spent_usd)}, projected ${formatMoney(budget.projected_usd)}${told.length > 0 ? `; thresholds: ${told.join(", ")}` : ""}`}
      className="mt-3"
    >
      <div className="relative h-3">
        <div className="absolute inset-0 overflow-hidden rounded-full bg-raised">
          <div className="absolute inset-y-0 bg-line-strong" style={{ left: `${low}%`, width: `${high - low}%` }} />
          <div className={`absolute inset-y-0 left-0 ${FILLS[budget.state]}`} style={{ width: `${spent}%` }} />
        </div>
        <div className="absolute -inset-y-0.5 w-0.5 -translate-x-1/2 bg-text" style={{ left: `${projected}%` }} />
        {thresholds.map(({ percent, position }) => (
          <div key={percent} className="absolute top-full h-1.5 w-px -translate-x-px bg-line-strong" style={{ left: `${position}%` }} />
        ))}
      </div>
      <div aria-hidden className="relative mt-1.5 h-4 text-xs text-muted">
        {thresholds.map(({ percent, position }) => (
          <span key={percent} className="absolute whitespace-nowrap" style={{ left: `${position}%`, transform: `translateX(-${position}%)` }}>
            {percent} %
          </span>
        ))}
      </div>
    </div>
  );
}
