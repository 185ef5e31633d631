"use client";

import { RotateCcw } from "lucide-react";
import { useState } from "react";
import { useReplay } from "@/api/operations";
import { FormError } from "@/components/states/form-error";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose } from "@/components/ui/dialog";
import { reasonText } from "@/features/ingestion/accounts";
import { formatExact } from "@/lib/format";

interface ReplayDialogProps {
  reason: string | null;
  /** Whether there is something to replay; what came of it is told in any case. */
  isOffered: boolean;
}

/** Replays all dead letters, or those of a reason; the gateway takes a thousand at a time. */
export function ReplayDialog({ reason, isOffered }: ReplayDialogProps) {
  const [isOpen, setOpen] = useState(false);
  const replay = useReplay();
  const what = reason === null ? "all dead letters" : `all with the reason “${reasonText(reason)}”`;
  const begun = replay.data;
  function show(open: boolean) {
    setOpen(open);
    replay.reset();
  }
  return (
    <Dialog
      title="Replay dead letters"
      description={`Sends ${what} through processing again. What is stored already stays stored once.`}
      open={isOpen}
      onOpenChange={show}
      trigger={
        isOffered ? (
          <Button>
            <RotateCcw aria-hidden />
            {reason === null ? "Replay all" : "Replay all of this reason"}
          </Button>
        ) : null
      }
    >
      <div className="grid gap-4">
        <p role="status" className="text-sm">
          {begun
            ? `${formatExact(begun.replayed)} ${begun.replayed === 1 ? "letter is" : "letters are"} being replayed` +
              (begun.skipped > 0 ? `, ${formatExact(begun.skipped)} were under way or replayed before` : "") +
              (begun.remaining > 0 ? `; ${formatExact(begun.remaining)} remain.` : ".")
            : null}
        </p>
        <FormError error={replay.error} />
        <div className="flex flex-wrap justify-end gap-2">
          <DialogClose asChild>
            <Button variant={begun && begun.remaining === 0 ? "primary" : "secondary"}>{begun ? "Close" : "Cancel"}</Button>
          </DialogClose>
          {begun === undefined || begun.remaining > 0 ? (
            <Button
              variant="primary"
              disabled={replay.isPending}
              onClick={() => replay.mutate({ filter: reason === null ? {} : { reason } })}
            >
              {replay.isPending ? "Replaying…" : begun ? "Replay the rest" : "Replay"}
            </Button>
          ) : null}
        </div>
      </div>
    </Dialog>
  );
}
