"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { Pencil, Plus, RefreshCw, Tags, Trash2 } from "lucide-react";
import dynamic from "next/dynamic";
import { parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { useDeferredValue, useState } from "react";
import { useMay } from "@/api/account";
import { pricesQuery, useDeletePrice } from "@/api/prices";
import type { Price } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { type Column, DataTable } from "@/components/data-table";
import { MoreRows } from "@/components/more-rows";
import { EmptyState, NothingFound, QueryView } from "@/components/states/states";
import { Time } from "@/components/time";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/field";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/table-skeleton";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import type { PriceDraft } from "@/features/prices/price-dialog";
import { formatRateOf, type RateName, SOURCES, STATES } from "@/features/prices/rates";

const PriceDialog = dynamic(() => import("@/features/prices/price-dialog").then((module) => module.PriceDialog), { ssr: false });
const PriceSheet = dynamic(() => import("@/features/prices/price-sheet").then((module) => module.PriceSheet), { ssr: false });
const RepriceDialog = dynamic(() => import("@/features/prices/reprice-dialog").then((module) => module.RepriceDialog), { ssr: false });

const ANY = "any";
const SOURCE_NAMES = ["workspace", "catalogue"] as const;
const STATE_NAMES = ["in_force", "scheduled", "superseded", "ended", "replaced", "all"] as const;
const FILTERS = {
  model: parseAsString.withDefault(""),
  source: parseAsStringLiteral(SOURCE_NAMES),
  state: parseAsStringLiteral(STATE_NAMES).withDefault("in_force"),
  /** A model to which a price is to be given. */
  set: parseAsString,
};

/** What models cost: the workspace's own prices, then the catalogue's. */
export function Prices() {
  const [{ model, source, state, set }, setState] = useQueryStates(FILTERS);
  const mayWrite = useMay("write");
  const [draft, setDraft] = useState<PriceDraft | null>(null);
  const [shown, setShown] = useState<Price | null>(null);
  const [repriced, setRepriced] = useState<string | null>(null);
  const asked = useDeferredValue(model.trim());
  const prices = useInfiniteQuery(pricesQuery({ state, ...(source ? { source } : {}), ...(asked ? { model: asked } : {}), limit: 200 }));
  const rows = prices.data?.pages.flatMap((page) => page.data) ?? [];
  const wanted = draft ?? (set !== null && mayWrite ? { model: set } : null);
  function close() {
    setDraft(null);
    void setState({ set: null });
  }
  return (
    <>
      <PageHeader
        title="Prices"
        actions={
          mayWrite ? (
            <>
              <Button onClick={() => setRepriced("")}>
                <RefreshCw aria-hidden />
                <span className="hidden sm:inline">Compute costs again</span>
                <span className="sr-only sm:hidden">Compute costs again</span>
              </Button>
              <Button variant="primary" onClick={() => setDraft({})}>
                <Plus aria-hidden />
                Set a price
              </Button>
            </>
          ) : null
        }
      />
      <PageBody>
        <Card
          title="What models cost"
          aside={
            <div className="flex flex-wrap items-center gap-2">
              <Input aria-label="Model" placeholder="Model" className="w-40" value={model} onChange={(event) => void setState({ model: event.target.value || null })} />
              <Select
                label="From"
                value={source ?? ANY}
                options={[{ value: ANY, label: "Yours and the catalogue" }, ...SOURCE_NAMES.map((value) => ({ value: value as string, label: SOURCES[value] }))]}
                onChange={(value) => void setState({ source: SOURCE_NAMES.find((name) => name === value) ?? null })}
              />
              <Select
                label="State"
                value={state}
                options={STATE_NAMES.map((value) => ({ value, label: value === "all" ? "Any state" : STATES[value] }))}
                onChange={(value) => void setState({ state: value })}
              />
            </div>
          }
        >
          <p className="mb-3 text-sm text-muted">USD per million tokens. A price of your own comes before the catalogue and before costs that senders report.</p>
          <QueryView query={prices} skeleton={<TableSkeleton rows={10} />}>
            {() =>
              rows.length > 0 ? (
                <>
                  <DataTable
                    label="Prices"
                    name="prices"
                    columns={columnsOf({ mayWrite, onShow: setShown, onDraft: setDraft })}
                    rows={rows}
                    keyOf={(row) => String(row.id)}
                    initialSort={{ key: "from", isDescending: true }}
                    most={50}
                  />
                  <MoreRows query={prices} />
                </>
              ) : model !== "" || state !== "in_force" ? (
                <NothingFound onClear={() => void setState({ model: null, source: null, state: null })}>No price fits the filters.</NothingFound>
              ) : (
                <EmptyState icon={<Tags aria-hidden />} title="No prices of your own yet">
                  Set one where the catalogue has none, or where you pay something else.
                </EmptyState>
              )
            }
          </QueryView>
        </Card>
      </PageBody>
      {wanted ? (
        <PriceDialog
          draft={wanted}
          onClose={close}
          onSaved={(saved) => {
            close();
            setRepriced(saved);
          }}
        />
      ) : null}
      {shown ? <PriceSheet price={shown} onClose={() => setShown(null)} /> : null}
      {repriced === null ? null : <RepriceDialog model={repriced} onClose={() => setRepriced(null)} />}
    </>
  );
}

interface Doing {
  mayWrite: boolean;
  onShow: (price: Price) => void;
  onDraft: (draft: PriceDraft) => void;
}

function columnsOf({ mayWrite, onShow, onDraft }: Doing): readonly Column<Price>[] {
  const rate = (name: RateName, label: string): Column<Price> => ({
    key: name,
    label,
    align: "right",
    value: ({ prices }) => prices[name],
    cell: ({ prices }) => formatRateOf(prices, name),
  });
  return [
    {
      key: "model",
      label: "Model",
      value: (row) => row.model,
      cell: (row) => (
        <button type="button" className="max-w-80 truncate font-medium hover:underline" onClick={() => onShow(row)}>
          {row.model}
        </button>
      ),
    },
    { key: "provider", label: "Provider", value: (row) => row.provider, cell: (row) => (row.provider === "*" ? <span className="text-muted">any</span> : row.provider) },
    { key: "from", label: "From", value: (row) => SOURCES[row.source], cell: (row) => (row.source === "workspace" ? <Badge>{SOURCES.workspace}</Badge> : <span className="text-muted">{SOURCES.catalogue}</span>) },
    rate("input", "Input"),
    rate("cached_input", "Cached"),
    rate("output", "Output"),
    rate("request", "Per 1 k calls"),
    {
      key: "state",
      label: "State",
      value: (row) => STATES[row.state],
      cell: (row) => <span className={row.state === "in_force" ? undefined : "text-muted"}>{STATES[row.state]}</span>,
    },
    { key: "valid", label: "Holds from", value: (row) => row.valid_from, cell: (row) => (row.valid_from === null ? <span className="text-muted">ever</span> : <Time value={row.valid_from} />) },
    {
      key: "actions",
      label: "Actions",
      align: "right",
      isActions: true,
      value: () => null,
      cell: (row) => (mayWrite && row.state !== "replaced" ? <Actions price={row} onDraft={onDraft} /> : null),
    },
  ];
}

function Actions({ price, onDraft }: { price: Price; onDraft: (draft: PriceDraft) => void }) {
  const remove = useDeletePrice();
  if (price.source === "catalogue") {
    return (
      <Button
        variant="ghost"
        size="icon-sm"
        aria-label={`Set a price of your own for ${price.model}`}
        onClick={() => onDraft({ provider: price.provider, model: price.model, rates: price.prices })}
      >
        <Plus aria-hidden />
      </Button>
    );
  }
  return (
    <>
      <Button variant="ghost" size="icon-sm" aria-label={`Correct the price of ${price.model}`} onClick={() => onDraft({ corrected: price })}>
        <Pencil aria-hidden />
      </Button>
      <ConfirmDialog
        title={`Delete the price of ${price.model}?`}
        description="Spans that are stored from now on get the catalogue's price, or the cost that their sender reports. Stored ones keep theirs until costs are computed again."
        action="Delete the price"
        change={remove}
        onConfirm={(close) => remove.mutate(price.id, { onSuccess: close })}
        trigger={
          <Button variant="ghost" size="icon-sm" aria-label={`Delete the price of ${price.model}`}>
            <Trash2 aria-hidden />
          </Button>
        }
      />
    </>
  );
}
