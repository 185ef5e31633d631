"use client";

import { useInfiniteQuery } from "@tanstack/react-query";
import { GitCompareArrows } from "lucide-react";
import { useRouter } from "next/navigation";
import { type FormEvent, useState } from "react";
import type { Trace } from "@/api/schema";
import { traceListQuery } from "@/api/traces";
import { QueryView } from "@/components/states/states";
import { StatusIcon } from "@/components/status";
import { Time } from "@/components/time";
import { TableSkeleton } from "@/components/table-skeleton";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { formatDuration, formatMoney } from "@/lib/format";

const SHOWN = 12;

/** Puts another trace beside this one: one of the same agent, or any by its id. */
export function CompareDialog({ trace }: { trace: Pick<Trace, "trace_id" | "agent_id"> }) {
  const [isOpen, setOpen] = useState(false);
  const router = useRouter();
  const compare = (other: string) => router.push(`/compare?a=${encodeURIComponent(other)}&b=${encodeURIComponent(trace.trace_id)}`);
  function send(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get("trace_id") ?? "").trim();
    if (id !== "") compare(id);
  }
  return (
    <Dialog
      title="Compare with another trace"
      open={isOpen}
      onOpenChange={setOpen}
      trigger={
        <Button>
          <GitCompareArrows aria-hidden />
          <span className="hidden sm:inline">Compare</span>
          <span className="sr-only sm:hidden">Compare</span>
        </Button>
      }
    >
      <div className="grid gap-4">
        <form onSubmit={send} className="flex items-end gap-2">
          <Field label="Trace id" name="trace_id" autoComplete="off" spellCheck={false} className="flex-1" />
          <Button type="submit">Compare</Button>
        </form>
        <Others trace={trace} onChoose={compare} />
      </div>
    </Dialog>
  );
}

function Others({ trace, onChoose }: { trace: Pick<Trace, "trace_id" | "agent_id">; onChoose: (traceId: string) => void }) {
  const query = useInfiniteQuery(
    traceListQuery({ range: "30d", limit: SHOWN + 1, sort: "-start_time", ...(trace.agent_id === null ? {} : { agent_id: [trace.agent_id] }) }),
  );
  return (
    <section>
      <h3 className="mb-1 text-sm font-medium">{trace.agent_id === null ? "Latest traces" : `Latest of ${trace.agent_id}`}</h3>
      <QueryView query={query} skeleton={<TableSkeleton rows={6} />}>
        {({ pages }) => {
          const others = (pages[0]?.data ?? []).filter(({ trace_id }) => trace_id !== trace.trace_id).slice(0, SHOWN);
          if (others.length === 0) return <p className="text-sm text-muted">There is no other in the last 30 days.</p>;
          return (
            <ul className="-mx-2">
              {others.map((other) => (
                <li key={other.trace_id}>
                  <button
                    type="button"
                    onClick={() => onChoose(other.trace_id)}
                    className="grid min-h-9 w-full grid-cols-[1rem_minmax(0,1fr)_auto_auto_auto] items-center gap-2.5 rounded-md px-2 text-left text-sm hover:bg-raised"
                  >
                    <StatusIcon status={other.status} />
                    <span className="truncate">{other.input_preview ?? other.name}</span>
                    <span className="tabular text-xs text-muted">{formatDuration(other.duration_ms)}</span>
                    <span className="tabular text-xs text-muted">{formatMoney(other.cost_usd)}</span>
                    <span className="text-xs text-muted">
                      <Time value={other.start_time} />
                    </span>
                  </button>
                </li>
              ))}
            </ul>
          );
        }}
      </QueryView>
    </section>
  );
}
