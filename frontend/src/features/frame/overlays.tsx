"use client";

import { CommandPalette } from "@/features/frame/command-palette";
import { NavigationSheet } from "@/features/frame/navigation-sheet";
import { ShortcutHelp } from "@/features/frame/shortcut-help";

export type Overlay = "palette" | "navigation" | "help";

/** What opens over any page; loaded apart from the pages. */
export function Overlays({ shown, onClose }: { shown: Overlay | null; onClose: () => void }) {
  const close = (open: boolean) => (open ? undefined : onClose());
  return (
    <>
      <CommandPalette open={shown === "palette"} onOpenChange={close} />
      <NavigationSheet open={shown === "navigation"} onOpenChange={close} />
      <ShortcutHelp open={shown === "help"} onOpenChange={close} />
    </>
  );
}
