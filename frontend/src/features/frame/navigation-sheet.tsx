"use client";

import { Suspense } from "react";
import { Dialog } from "@/components/ui/dialog";
import { Sidebar } from "@/features/frame/sidebar";

interface NavigationSheetProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** The navigation of narrow screens. */
export function NavigationSheet({ open, onOpenChange }: NavigationSheetProps) {
  return (
    <Dialog title="Navigation" side="left" open={open} onOpenChange={onOpenChange} className="p-3">
      <Suspense>
        <Sidebar onNavigate={() => onOpenChange(false)} />
      </Suspense>
    </Dialog>
  );
}
