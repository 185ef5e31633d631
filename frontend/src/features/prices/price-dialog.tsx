"use client";

import { type FormEvent, useState } from "react";
import { problemsOf } from "@/api/errors";
import { useAddPrice, useCorrectPrice } from "@/api/prices";
import type { Price, PriceRates } from "@/api/schema";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { localMoment, momentOf, parseRates, type RateProblems, RATES, rateText } from "@/features/prices/rates";

/** What a form of a price begins with. */
export interface PriceDraft {
  /** The price that is corrected; a new one without it. */
  corrected?: Price;
  provider?: string;
  model?: string;
  rates?: PriceRates;
}

interface PriceDialogProps {
  draft: PriceDraft;
  onClose: () => void;
  /** Called with the model once its price holds. */
  onSaved: (model: string) => void;
}

/** Sets a price of the workspace's own, or corrects one. */
export function PriceDialog({ draft, onClose, onSaved }: PriceDialogProps) {
  const isNew = draft.corrected === undefined;
  return (
    <Dialog
      title={isNew ? "Set a price" : `Correct the price of ${draft.corrected?.model}`}
      description={
        isNew
          ? "It comes before the catalogue's and before costs that senders report. Spans that are stored from now on have it at once."
          : "The correction holds for all times of the price. Stored spans have it once their costs are computed again."
      }
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
    >
      <PriceForm draft={draft} onSaved={onSaved} />
    </Dialog>
  );
}

function PriceForm({ draft, onSaved }: Pick<PriceDialogProps, "draft" | "onSaved">) {
  const { corrected } = draft;
  const add = useAddPrice();
  const correct = useCorrectPrice();
  const change = corrected ? correct : add;
  const [wrong, setWrong] = useState<RateProblems>({});
  const problems = problemsOf(change.error, ["provider", "model", "valid_from", "valid_to", ...RATES.map(({ name }) => name)]);
  const rates = corrected?.prices ?? draft.rates;
  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    const read = parseRates(text, corrected?.prices.tiers ?? []);
    setWrong("problems" in read ? read.problems : {});
    if ("problems" in read) return;
    const body = { prices: read.rates, valid_from: momentOf(text("valid_from")), valid_to: momentOf(text("valid_to")) };
    if (corrected) correct.mutate({ id: corrected.id, body }, { onSuccess: ({ model }) => onSaved(model) });
    else add.mutate({ ...body, provider: text("provider") || "*", model: text("model") }, { onSuccess: ({ model }) => onSaved(model) });
  }
  return (
    <form onSubmit={save} noValidate className="grid gap-4 sm:grid-cols-2">
      {corrected ? null : (
        <>
          <Field name="model" label="Model" defaultValue={draft.model} autoComplete="off" spellCheck={false} maxLength={256} required hint="The id as spans name it, exactly" error={problems.at.model} />
          <Field
            name="provider"
            label="Provider"
            defaultValue={draft.provider}
            autoComplete="off"
            spellCheck={false}
            maxLength={256}
            hint="Such as openai; whoever answers when empty"
            error={problems.at.provider}
          />
        </>
      )}
      {RATES.map(({ name, label, hint }) => (
        <Field
          key={name}
          name={name}
          label={label}
          inputMode="decimal"
          autoComplete="off"
          defaultValue={rateText(rates, name)}
          hint={hint}
          error={wrong[name] ?? problems.at[name]}
        />
      ))}
      <Field name="valid_from" type="datetime-local" label="From" defaultValue={localMoment(corrected?.valid_from ?? null)} hint="Since ever when empty" error={problems.at.valid_from} />
      <Field name="valid_to" type="datetime-local" label="Until" defaultValue={localMoment(corrected?.valid_to ?? null)} hint="Without an end when empty" error={problems.at.valid_to} />
      <div className="grid gap-3 sm:col-span-2">
        <FormError error={problems.general} />
        <div className="flex justify-end">
          <Button type="submit" variant="primary" disabled={change.isPending}>
            {change.isPending ? "Saving…" : "Save"}
          </Button>
        </div>
      </div>
    </form>
  );
}
