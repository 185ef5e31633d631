"use client";

import type { ReactNode } from "react";
import type { DeadLetter } from "@/api/schema";
import { Details } from "@/components/details";
import { JsonText } from "@/components/json-text";
import { Time } from "@/components/time";
import { Dialog } from "@/components/ui/dialog";
import { reasonText } from "@/features/ingestion/accounts";
import { LetterState } from "@/features/ingestion/letter-state";
import { formatBytes, MISSING } from "@/lib/format";

/** A dead letter with all that is known of it. */
export function LetterSheet({ letter, onClose }: { letter: DeadLetter; onClose: () => void }) {
  return (
    <Dialog title="Dead letter" side="right" open onOpenChange={(open) => (open ? undefined : onClose())}>
      <div className="grid gap-5">
        <Details entries={entriesOf(letter)} />
        <section className="min-w-0">
          <h3 className="mb-1.5 text-sm font-medium">Error</h3>
          <p className="rounded-md bg-bad-soft px-2.5 py-2 text-sm break-words whitespace-pre-wrap text-bad">{letter.error}</p>
        </section>
        <JsonText title={`As it was sent, ${formatBytes(letter.payload_bytes)}, without secrets`} value={letter.payload} />
      </div>
    </Dialog>
  );
}

function entriesOf(letter: DeadLetter): readonly [string, ReactNode][] {
  return [
    ["State", <LetterState key="state" state={letter.state} />],
    ["Reason", `${reasonText(letter.reason)} (${letter.reason})`],
    ["Tries", letter.attempts],
    ["Format", letter.format],
    ["Item of the request", letter.item_index ?? MISSING],
    ["Receipt", letter.receipt_id ?? MISSING],
    ["Trace", letter.trace_id ?? MISSING],
    ["Span", letter.span_id ?? MISSING],
    ["Received", <Time key="received" value={letter.received_at} />],
    ["Failed", <Time key="failed" value={letter.created_at} />],
    ["Replayed", <Time key="replayed" value={letter.replayed_at} />],
  ];
}
