"use client";

import { useQuery } from "@tanstack/react-query";
import { Link } from "@/components/link";
import { type FormEvent, useState } from "react";
import { problemsOf } from "@/api/errors";
import { repricingQuery, useReprice } from "@/api/prices";
import type { Repricing, RepriceParams, RepriceResult } from "@/api/schema";
import { Details } from "@/components/details";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { SelectField } from "@/components/ui/select-field";
import { hasEnded } from "@/features/jobs/describe";
import { Progress } from "@/features/jobs/job-status";
import { formatExact, formatMoney } from "@/lib/format";

const DAY_MS = 86_400_000;
const LOOK_MS = 1_000;
const REACHES = [
  { value: "1", label: "Last 24 hours" },
  { value: "7", label: "Last 7 days" },
  { value: "30", label: "Last 30 days" },
  { value: "90", label: "Last 90 days" },
] as const;
type Reach = (typeof REACHES)[number]["value"];

/** Works stored costs out again by the prices known now: first as a trial that changes nothing, then for good. */
export function RepriceDialog({ model, onClose }: { model: string; onClose: () => void }) {
  const reprice = useReprice();
  const [asked, setAsked] = useState<RepriceParams | null>(null);
  const begun = reprice.data;
  return (
    <Dialog
      title="Compute costs again"
      description="By the prices known now, for spans that are stored already. You see what would change before anything does."
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
    >
      {asked === null || begun === undefined ? (
        <AskForm
          model={model}
          error={reprice.error}
          isPending={reprice.isPending}
          onAsk={(params) => {
            setAsked(params);
            reprice.mutate(params);
          }}
        />
      ) : (
        <Outcome key={begun.job_id} begun={begun} onApply={() => reprice.mutate({ ...asked, dry_run: false })} isPending={reprice.isPending} error={reprice.error} />
      )}
    </Dialog>
  );
}

interface AskFormProps {
  model: string;
  error: Error | null;
  isPending: boolean;
  onAsk: (params: RepriceParams) => void;
}

function AskForm({ model, error, isPending, onAsk }: AskFormProps) {
  const [reach, setReach] = useState<Reach>("30");
  const problems = problemsOf(error, ["model"]);
  function ask(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("model") ?? "").trim();
    const to = Date.now();
    onAsk({
      from: new Date(to - Number(reach) * DAY_MS).toISOString(),
      to: new Date(to).toISOString(),
      dry_run: true,
      ...(name === "" ? {} : { model: name }),
    });
  }
  return (
    <form onSubmit={ask} noValidate className="grid gap-4">
      <SelectField label="Spans that began in the" value={reach} options={REACHES} onChange={setReach} />
      <Field name="model" label="Model" defaultValue={model} autoComplete="off" spellCheck={false} hint="All models when empty" error={problems.at.model} />
      <FormError error={problems.general} />
      <div className="flex justify-end">
        <Button type="submit" variant="primary" disabled={isPending}>
          {isPending ? "Computing…" : "See what would change"}
        </Button>
      </div>
    </form>
  );
}

interface OutcomeProps {
  begun: Repricing;
  onApply: () => void;
  isPending: boolean;
  error: Error | null;
}

/** How far a trial or a change is, and what came of it. */
function Outcome({ begun, onApply, isPending, error }: OutcomeProps) {
  const job = useQuery({
    ...repricingQuery(begun.job_id),
    enabled: begun.result === null,
    refetchInterval: (query) => (query.state.data !== undefined && hasEnded(query.state.data) ? false : LOOK_MS),
  });
  const result = begun.result ?? (job.data?.result as RepriceResult | null | undefined) ?? null;
  const failure = job.data?.error ?? job.error?.message ?? null;
  return (
    <div className="grid gap-4">
      <div role="status" className="grid gap-3 text-sm">
        {result !== null ? (
          <Summary result={result} />
        ) : failure !== null ? (
          <p className="text-bad">{failure}</p>
        ) : (
          <>
            <p className="text-muted">{begun.dry_run ? "Working out what would change…" : "Computing the costs again…"}</p>
            <Progress value={job.data?.progress ?? begun.progress} label="Progress" />
          </>
        )}
      </div>
      {begun.dry_run ? null : (
        <p className="text-sm text-muted">
          You may close this; it goes on, and is found under{" "}
          <Link href="/jobs" className="text-accent hover:underline">
            Jobs
          </Link>
          .
        </p>
      )}
      <FormError error={error} />
      <div className="flex justify-end gap-2">
        <DialogClose asChild>
          <Button>Close</Button>
        </DialogClose>
        {begun.dry_run && result !== null && result.spans_changed > 0 ? (
          <Button variant="primary" disabled={isPending} onClick={onApply}>
            Change {formatExact(result.spans_changed)} {result.spans_changed === 1 ? "span" : "spans"}
          </Button>
        ) : null}
      </div>
    </div>
  );
}

function Summary({ result }: { result: RepriceResult }) {
  const would = result.dry_run ? "would change" : "changed";
  if (result.spans_changed === 0) {
    return (
      <p>
        {result.dry_run ? "Nothing would change" : "Nothing changed"}: {formatExact(result.spans)} {result.spans === 1 ? "span has" : "spans have"} the cost that
        the prices known now give.
      </p>
    );
  }
  return (
    <>
      <p className="font-medium">
        {formatExact(result.spans_changed)} of {formatExact(result.spans)} spans in {formatExact(result.traces_changed)} traces {would}.
      </p>
      <Details
        entries={[
          ["Cost before", formatMoney(result.cost_before_usd)],
          ["Cost after", formatMoney(result.cost_after_usd)],
          ["Difference", `${result.difference_usd > 0 ? "+" : ""}${formatMoney(result.difference_usd)}`],
          ["Get a price", formatExact(result.newly_priced)],
          ["Lose their price", formatExact(result.newly_unpriced)],
        ]}
      />
    </>
  );
}
