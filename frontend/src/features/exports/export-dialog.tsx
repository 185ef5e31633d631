"use client";

import { Download } from "lucide-react";
import dynamic from "next/dynamic";
import { type ReactNode, useState } from "react";
import { useCreateExport } from "@/api/operations";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import type { Scope } from "@/features/range/range";

// Loaded by those who export.
const ExportSteps = dynamic(() => import("@/features/exports/export-steps").then((module) => module.ExportSteps), {
  ssr: false,
  loading: () => <Skeleton className="h-64" />,
});

interface ExportDialogProps {
  /** The range that is proposed; environments and agents belong into the filter. */
  scope: Scope;
  /** A filter tree as a search of traces takes it. */
  filter?: Record<string, unknown> | null;
  /** Words that the traces contain. */
  q?: string | null;
  trigger?: ReactNode;
}

/** Has traces written to a file, and hands it out when it is there. */
export function ExportDialog({ scope, filter = null, q = null, trigger }: ExportDialogProps) {
  const [isOpen, setOpen] = useState(false);
  const create = useCreateExport();
  function show(open: boolean) {
    setOpen(open);
    create.reset();
  }
  return (
    <Dialog
      title="Export traces"
      description={filter || q ? "Writes the traces that fit the filters to a file, the oldest first." : "Writes all traces of the range to a file, the oldest first."}
      open={isOpen}
      onOpenChange={show}
      trigger={
        trigger ?? (
          <Button>
            <Download aria-hidden />
            Export traces
          </Button>
        )
      }
    >
      <ExportSteps scope={scope} filter={filter} q={q} create={create} onClose={() => show(false)} />
    </Dialog>
  );
}
