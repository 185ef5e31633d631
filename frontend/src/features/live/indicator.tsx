"use client";

import { Tooltip } from "@/components/ui/tooltip";
import { useLive } from "@/features/live/live";
import { cn } from "@/lib/cn";
import { formatAgo } from "@/lib/format";

const LABELS = { connecting: "Connecting", live: "Live", polling: "Every 10 s" } as const;

/** Whether the page follows what happens. */
export function LiveIndicator() {
  const { state, lastEventAt } = useLive();
  return (
    <Tooltip text={lastEventAt === null ? "Nothing has arrived since the page was opened" : `Last event ${formatAgo(lastEventAt)}`}>
      <button type="button" className="hidden h-8 items-center gap-1.5 rounded-md px-2 text-xs text-muted sm:inline-flex">
        <span
          aria-hidden
          className={cn("size-2 rounded-full", state === "live" ? "bg-good" : state === "polling" ? "bg-warn" : "bg-line-strong")}
        />
        {LABELS[state]}
      </button>
    </Tooltip>
  );
}
