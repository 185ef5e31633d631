"use client";

import { Dialog } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { usePermissions } from "@/api/account";
import { navigationFor } from "@/features/frame/navigation";

interface ShortcutHelpProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** What keys do. */
export function ShortcutHelp({ open, onOpenChange }: ShortcutHelpProps) {
  const destinations = navigationFor(usePermissions()).flatMap((group) => group.destinations);
  const shortcuts: readonly (readonly [string, string])[] = [...ANYWHERE, ...destinations.map(({ key, label }) => [`g ${key}`, label] as const), ...ON_PAGES];
  return (
    <Dialog title="Keyboard shortcuts" open={open} onOpenChange={onOpenChange}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2 text-sm">
        {shortcuts.map(([keys, meaning]) => (
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

const ANYWHERE = [
  ["⌘ K", "Search and commands"],
  ["/", "To the search of the page"],
] as const;
const ON_PAGES = [
  ["j k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["[ ]", "Previous and next trace"],
  ["e", "Next error of a trace"],
  ["← →", "Close and open a span"],
  ["Esc", "Close; from a trace back to the list"],
  ["?", "This list"],
] as const;
