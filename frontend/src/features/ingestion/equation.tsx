import { Fragment } from "react";
import type { Account, Term } from "@/features/ingestion/accounts";
import { cn } from "@/lib/cn";
import { formatExact, formatShare } from "@/lib/format";

const FILLS: Readonly<Record<Term["tone"], string>> = { good: "bg-good", neutral: "bg-line-strong", warn: "bg-warn", bad: "bg-bad" };

/** A total and what it is made of, as a sum that one can check. */
export function Equation({ label, name, account: { total, terms } }: { label: string; name: string; account: Account }) {
  const whole = terms.reduce((sum, { count }) => sum + count, 0);
  return (
    <div role="group" aria-label={label}>
      <dl className="grid grid-cols-1 gap-x-3 gap-y-4 sm:flex sm:flex-wrap sm:items-start">
        <Entry label={name} count={total} note="" />
        {terms.map(({ key, label: term, count, tone, note }, index) => (
          <Fragment key={key}>
            <span aria-hidden className="hidden pt-5 text-lg text-faint sm:block">
              {index === 0 ? "=" : "+"}
            </span>
            <Entry label={term} count={count} note={note} {...(total > 0 ? { share: count / total } : {})} tone={tone} />
          </Fragment>
        ))}
      </dl>
      {whole > 0 ? (
        <div aria-hidden className="mt-4 flex h-2 gap-px overflow-hidden rounded-full bg-raised">
          {terms
            .filter(({ count }) => count > 0)
            .map(({ key, count, tone }) => (
              <span key={key} className={cn("min-w-1", FILLS[tone])} style={{ flexGrow: count }} />
            ))}
        </div>
      ) : null}
    </div>
  );
}

function Entry({ label, count, note, share, tone }: { label: string; count: number; note: string; share?: number; tone?: Term["tone"] }) {
  return (
    <div className="min-w-28">
      <dt className="flex items-center gap-1.5 text-xs text-muted">
        {tone ? <span aria-hidden className={cn("size-2 shrink-0 rounded-xs", FILLS[tone])} /> : null}
        {label}
      </dt>
      <dd>
        <span className="tabular text-xl font-semibold" data-figure={label}>
          {formatExact(count)}
        </span>
        <span className="block text-xs text-muted">{share === undefined ? note : `${formatShare(share)} · ${note}`}</span>
      </dd>
    </div>
  );
}
