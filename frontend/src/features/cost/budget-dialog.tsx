"use client";

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { client, dataOf } from "@/api/client";
import { ApiError } from "@/api/errors";
import { FIGURES } from "@/api/figures";
import type { Budget, BudgetRequest } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { type BudgetProblems, parseBudget } from "@/features/cost/budget";

/** Sets, changes or removes the budget of the month. */
export function BudgetDialog({ budget }: { budget: Budget }) {
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title="Monthly budget"
      description="For the whole workspace. Nothing stops when it is used up; thresholds show here when they are reached."
      open={open}
      onOpenChange={setOpen}
      trigger={<Button>{budget.monthly_usd === null ? "Set a budget" : "Change budget"}</Button>}
    >
      <BudgetForm budget={budget} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function BudgetForm({ budget, onDone }: { budget: Budget; onDone: () => void }) {
  const queryClient = useQueryClient();
  const [problems, setProblems] = useState<BudgetProblems>({});
  const saving = useMutation({
    mutationFn: (body: BudgetRequest) => dataOf(client.PUT("/api/v1/cost/budget", { body })),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: [FIGURES] });
      onDone();
    },
  });
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const read = parseBudget(String(form.get("monthly_usd")), String(form.get("thresholds_percent")));
    setProblems("problems" in read ? read.problems : {});
    if ("budget" in read) saving.mutate(read.budget);
  }
  return (
    <form onSubmit={submit} noValidate className="grid gap-4">
      <Field
        label="Amount a month, USD"
        name="monthly_usd"
        inputMode="decimal"
        autoComplete="off"
        defaultValue={budget.monthly_usd === null ? "" : String(budget.monthly_usd)}
        error={problems.monthly_usd}
      />
      <Field
        label="Thresholds, percent"
        name="thresholds_percent"
        autoComplete="off"
        defaultValue={budget.thresholds_percent.join(", ")}
        hint="Whole numbers with commas between them"
        error={problems.thresholds_percent}
      />
      {saving.error ? (
        <p role="alert" className="rounded-md bg-bad-soft px-2.5 py-2 text-sm text-bad">
          {saving.error.message}
          {saving.error instanceof ApiError ? saving.error.details.map(({ field, message }) => ` ${field}: ${message}.`) : null}
        </p>
      ) : null}
      <div className="flex flex-wrap justify-between gap-2">
        <Button type="submit" variant="primary" disabled={saving.isPending}>
          Save
        </Button>
        {budget.monthly_usd === null ? null : (
          <Button
            variant="danger"
            disabled={saving.isPending}
            onClick={() => saving.mutate({ monthly_usd: null, thresholds_percent: budget.thresholds_percent })}
          >
            Remove budget
          </Button>
        )}
      </div>
    </form>
  );
}
