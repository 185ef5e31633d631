"use client";

import { Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { useDeleteTrace } from "@/api/traces";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { Button } from "@/components/ui/button";

/** Removes a trace for good, and leads back to the list. */
export function DeleteTrace({ traceId }: { traceId: string }) {
  const router = useRouter();
  const remove = useDeleteTrace();
  return (
    <ConfirmDialog
      title="Delete this trace?"
      description="Its spans, logs and scores are removed, and every figure follows. It cannot be brought back."
      action="Delete the trace"
      change={remove}
      onConfirm={() => remove.mutate(traceId, { onSuccess: () => router.push("/traces") })}
      trigger={
        <Button aria-label="Delete this trace">
          <Trash2 aria-hidden />
          <span className="hidden sm:inline">Delete</span>
        </Button>
      }
    />
  );
}
