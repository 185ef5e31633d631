"use client";

import { useQuery } from "@tanstack/react-query";
import { CircleDollarSign, TriangleAlert } from "lucide-react";
import { Fragment } from "react";
import { useMay } from "@/api/account";
import { costByModelQuery } from "@/api/figures";
import type { CostOverview, SourceCost } from "@/api/schema";
import { type Column, DataTable } from "@/components/data-table";
import { Link } from "@/components/link";
import { EmptyState } from "@/components/states/states";
import { Card } from "@/components/ui/card";
import { MOST_MODELS } from "@/features/cost/model-costs";
import { nameOf } from "@/features/figures/names";
import { usePathWith, useRange } from "@/features/range/range";
import { formatCount, formatExact, formatMoney, formatShare, toNumber } from "@/lib/format";

const WORDS: Readonly<Record<SourceCost["cost_source"], { label: string; meaning: string }>> = {
  override: { label: "Your price", meaning: "A price that this workspace has set" },
  reported: { label: "Reported", meaning: "The sender told the cost with the span" },
  exact: { label: "Price list", meaning: "The price list has a price for exactly this model" },
  pattern: { label: "Price list, by family", meaning: "The price list has a price for models named like this one" },
  unpriced: { label: "Unpriced", meaning: "Tokens, and no price: in no sum" },
};

const COLUMNS: readonly Column<SourceCost>[] = [
  {
    key: "source",
    label: "Price from",
    value: (row) => WORDS[row.cost_source].label,
    cell: (row) => (
      <span className="grid min-w-40 py-1 whitespace-normal">
        <span>{WORDS[row.cost_source].label}</span>
        <span className="text-xs text-muted">{WORDS[row.cost_source].meaning}</span>
      </span>
    ),
  },
  { key: "spans", label: "Spans", align: "right", value: (row) => row.spans, cell: (row) => formatCount(row.spans) },
  { key: "tokens", label: "Tokens", align: "right", value: (row) => toNumber(row.tokens_total), cell: (row) => formatCount(row.tokens_total) },
  {
    key: "cost",
    label: "Cost",
    align: "right",
    value: (row) => (row.cost_source === "unpriced" ? null : row.cost_usd),
    cell: (row) => formatMoney(row.cost_source === "unpriced" ? null : row.cost_usd),
  },
];

/** How far the costs can be trusted: where their prices come from, and what has none. */
export function CostSources({ overview }: { overview: CostOverview }) {
  return (
    <Card title="How costs were found">
      {overview.by_source.length === 0 ? (
        <EmptyState icon={<CircleDollarSign aria-hidden />} title="Nothing with a cost in this range">
          Spans that used tokens, or told their cost, are counted here.
        </EmptyState>
      ) : (
        <>
          {overview.unpriced_spans > 0 ? <Unpriced overview={overview} /> : null}
          <DataTable
            label="How costs were found"
            name="sources"
            columns={COLUMNS}
            rows={overview.by_source}
            keyOf={(row) => row.cost_source}
            initialSort={{ key: "cost", isDescending: true }}
          />
        </>
      )}
    </Card>
  );
}

function Unpriced({ overview }: { overview: CostOverview }) {
  const { scope } = useRange();
  const pathWith = usePathWith();
  const mayPrice = useMay("write");
  const mayRead = useMay("read");
  const models = useQuery(costByModelQuery({ ...scope, limit: MOST_MODELS }));
  const names = models.data?.filter((row) => row.unpriced_calls > 0).map((row) => nameOf("model", row.model)) ?? [];
  return (
    <div className="mb-3 flex gap-2.5 rounded-md bg-warn-soft px-3 py-2.5 text-sm">
      <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-warn" />
      <div className="min-w-0">
        <p className="font-medium text-warn">
          {formatExact(overview.unpriced_spans)} {overview.unpriced_spans === 1 ? "span has" : "spans have"} no price (
          {formatShare(overview.unpriced_share)}), so the true cost is higher.
        </p>
        {names.length > 0 ? (
          <p className="mt-1 break-words text-muted">
            Without a price:{" "}
            {names.map((name, index) => (
              <Fragment key={name}>
                {index > 0 ? ", " : ""}
                {mayPrice ? (
                  <Link href={`/prices?set=${encodeURIComponent(name)}`} className="text-text underline underline-offset-2" title={`Set a price for ${name}`}>
                    {name}
                  </Link>
                ) : (
                  name
                )}
              </Fragment>
            ))}
            .
          </p>
        ) : null}
        <p className="mt-1 text-muted">
          {mayPrice ? "Set a price" : "Have a member set a price"}, or send <code className="font-mono text-xs">cost_usd</code> with the span.{" "}
          {mayRead ? (
            <Link href={pathWith("/traces", { cost_source: ["unpriced", "partial"] })} className="text-text underline underline-offset-2">
              Show these traces
            </Link>
          ) : null}
        </p>
      </div>
    </div>
  );
}
