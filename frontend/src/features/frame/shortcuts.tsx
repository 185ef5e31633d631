"use client";

import { useRouter, useSearchParams } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import { usePermissions } from "@/api/account";
import { Dialog } from "@/components/ui/dialog";
import { Kbd } from "@/components/ui/kbd";
import { type Destination, navigationFor } from "@/features/frame/navigation";
import { useShell } from "@/features/frame/shell-context";
import { carriedOver } from "@/features/range/range";
import { isForPage } from "@/lib/keys";

/** After g, the key of a page counts for this long. */
const SEQUENCE_MS = 1_200;

/** Keys that work on every page, and the list of all of them. */
export function Shortcuts() {
  const router = useRouter();
  const shell = useShell();
  const carried = carriedOver(new URLSearchParams(useSearchParams()));
  const [helpOpen, setHelpOpen] = useState(false);
  const permissions = usePermissions();
  const destinations = useMemo(() => navigationFor(permissions).flatMap((group) => group.destinations), [permissions]);

  useEffect(() => {
    let sequenceUntil = 0;
    function onKey(event: KeyboardEvent) {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        shell.openPalette();
        return;
      }
      if (!isForPage(event)) return;
      if (performance.now() < sequenceUntil) {
        sequenceUntil = 0;
        const destination = destinations.find(({ key }) => key === event.key);
        if (destination) {
          event.preventDefault();
          router.push(`${destination.href}${carried}`);
        }
        return;
      }
      if (event.key === "g") sequenceUntil = performance.now() + SEQUENCE_MS;
      else if (event.key === "?") setHelpOpen(true);
      else if (event.key === "/") {
        const search = document.querySelector<HTMLInputElement>("input[data-search]");
        if (search) {
          event.preventDefault();
          search.focus();
        }
      }
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [router, shell, carried, destinations]);

  return (
    <Dialog title="Keyboard shortcuts" open={helpOpen} onOpenChange={setHelpOpen}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-2 text-sm">
        {shortcutsFor(destinations).map(([keys, meaning]) => (
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

function shortcutsFor(destinations: readonly Destination[]): readonly (readonly [string, string])[] {
  return [
    ["⌘ K", "Search and commands"],
    ["/", "To the search of the page"],
    ...destinations.map(({ key, label }) => [`g ${key}`, label] as const),
    ["j k", "Next and previous row"],
    ["Enter", "Open the row"],
    ["[ ]", "Previous and next trace"],
    ["e", "Next error of a trace"],
    ["Esc", "Close"],
    ["?", "This list"],
  ];
}
