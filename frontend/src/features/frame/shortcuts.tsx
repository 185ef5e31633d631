"use client";

import { useRouter, useSearchParams } from "next/navigation";
import { useEffect, useMemo } from "react";
import { usePermissions } from "@/api/account";
import { navigationFor } from "@/features/frame/navigation";
import { useShell } from "@/features/frame/shell-context";
import { carriedOver } from "@/features/range/range";
import { isForPage } from "@/lib/keys";

/** After g, the key of a page counts for this long. */
const SEQUENCE_MS = 1_200;

/** Keys that work on every page. */
export function Shortcuts() {
  const router = useRouter();
  const shell = useShell();
  const carried = carriedOver(new URLSearchParams(useSearchParams()));
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
      else if (event.key === "?") shell.openHelp();
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

  return null;
}
