"use client";

import type { ReactNode } from "react";
import type { Price } from "@/api/schema";
import { Details } from "@/components/details";
import { JsonText } from "@/components/json-text";
import { Time } from "@/components/time";
import { Dialog } from "@/components/ui/dialog";
import { formatRateOf, RATES, SOURCES, STATES } from "@/features/prices/rates";
import { formatExact, formatMoney, MISSING } from "@/lib/format";

/** A price with all that is known of it. */
export function PriceSheet({ price, onClose }: { price: Price; onClose: () => void }) {
  const { prices } = price;
  return (
    <Dialog title={price.model} side="right" open onOpenChange={(open) => (open ? undefined : onClose())}>
      <div className="grid gap-5">
        <Details entries={entriesOf(price)} />
        <section>
          <h3 className="mb-1.5 text-sm font-medium">Rates, USD per million tokens</h3>
          <Details entries={RATES.map(({ name, label }) => [label, formatRateOf(prices, name)] as const)} />
        </section>
        {prices.tiers.map(({ above_tokens, ...rates }) => (
          <section key={above_tokens}>
            <h3 className="mb-1.5 text-sm font-medium">Calls with more than {formatExact(above_tokens)} input tokens</h3>
            <Details
              entries={RATES.flatMap(({ name, label }) => {
                const rate = name === "request" ? null : rates[name];
                return rate === null ? [] : [[label, formatMoney(rate)] as const];
              })}
            />
          </section>
        ))}
        {prices.daily.length > 0 ? <JsonText title="At certain times of day (UTC)" value={prices.daily} /> : null}
        <JsonText title="Ids of models that it is for" value={price.match} />
      </div>
    </Dialog>
  );
}

function entriesOf(price: Price): readonly [string, ReactNode][] {
  return [
    ["Provider", price.provider === "*" ? "Whoever answers" : price.provider],
    ["From", price.source === "workspace" ? SOURCES.workspace : `${SOURCES.catalogue} (${price.catalogue ?? MISSING})`],
    ["State", STATES[price.state]],
    ["Holds from", price.valid_from === null ? "ever" : <Time key="from" value={price.valid_from} />],
    ["Holds until", price.valid_to === null ? "further notice" : <Time key="to" value={price.valid_to} />],
    ["Known since", <Time key="since" value={price.created_at} />],
    ["Number", price.id],
  ];
}
