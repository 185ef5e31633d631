"use client";

import { Dialog } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { DESTINATIONS } from "@/features/frame/navigation";

interface ShortcutHelpProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** What keys do. */
export function ShortcutHelp({ open, onOpenChange }: ShortcutHelpProps) {
  return (
    <Dialog title="Keyboard shortcuts" open={open} onOpenChange={onOpenChange}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2 text-sm">
        {SHORTCUTS.map(([keys, meaning]) => (
          <div key={meaning} className="contents">
            <dt className="flex gap-1">
              {keys.split(" ").map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}

const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["⌘ K", "Search and commands"],
  ["/", "To the search of the page"],
  ...DESTINATIONS.map(({ key, label }) => [`g ${key}`, label] as const),
  ["j k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["[ ]", "Previous and next trace"],
  ["e", "Next error of a trace"],
  ["← →", "Close and open a span"],
  ["Esc", "Close; from a trace back to the list"],
  ["?", "This list"],
];
