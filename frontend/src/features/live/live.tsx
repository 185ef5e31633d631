"use client";

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from "react";
import { usePermissions } from "@/api/account";
import { FIGURES } from "@/api/figures";
import { INGESTION, JOBS } from "@/api/operations";
import { TRACES } from "@/api/traces";
import { LiveConnection, type LiveEvent, type LiveState } from "@/features/live/socket";

/** Events come in bursts; what is shown is renewed at most this often. */
const RENEW_MS = 2_000;
/** Answers about the present are at most two seconds old. */
const KEPT_MS = 2_500;
const POLL_MS = 10_000;

interface Live {
  state: LiveState;
  /** When the last event came, null before the first. */
  lastEventAt: Date | null;
  /** Calls back for each event until the function that it returns is called. */
  subscribe: (listener: (event: LiveEvent) => void) => () => void;
}

const LiveContext = createContext<Live | null>(null);

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("useLive needs a LiveProvider");
  return live;
}

/** What an event makes stale, by the first part of the keys of queries; null is everything. */
export function staleAfter(event: string): readonly string[] | null {
  switch (event) {
    case "traces.stored":
      return [FIGURES, INGESTION];
    case "job.updated":
      return [JOBS];
    case "prices.changed":
    case "alert.changed":
      return [FIGURES];
    case "data.deleted":
    case "resync":
      return null;
    default:
      return [];
  }
}

/** Keeps what is on the screen up to date with what happens in the workspace. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queryClient = useQueryClient();
  const permissions = usePermissions();
  const isKnown = permissions.length > 0;
  // Events tell of traces.
  const mayListen = permissions.includes("read");
  const [socketState, setState] = useState<LiveState>("connecting");
  const state = isKnown && !mayListen ? "polling" : socketState;
  const [lastEventAt, setLastEventAt] = useState<Date | null>(null);
  const listeners = useRef(new Set<(event: LiveEvent) => void>());

  useEffect(() => {
    if (!mayListen) return;
    const due = new Set<string>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last: ReturnType<typeof setTimeout> | undefined;
    const renew = () => {
      timer = undefined;
      const keys = [...due];
      due.clear();
      for (const key of keys) void queryClient.invalidateQueries({ queryKey: [key] });
      renewOnceMore(keys);
    };
    // What was answered may be older than what was stored before it was asked for.
    const renewOnceMore = (keys: readonly string[]) => {
      clearTimeout(last);
      last = setTimeout(() => keys.forEach((key) => void queryClient.invalidateQueries({ queryKey: [key] })), KEPT_MS);
    };
    const connection = new LiveConnection({
      onState: (now) => {
        setState(now);
        if (now === "live") renewOnceMore([FIGURES, INGESTION]);
      },
      onEvent: (event) => {
        const stale = staleAfter(event.event) ?? [FIGURES, INGESTION, JOBS, TRACES];
        if (stale.length > 0) setLastEventAt(new Date());
        for (const key of stale) due.add(key);
        if (due.size > 0) timer ??= setTimeout(renew, RENEW_MS);
        for (const listener of listeners.current) listener(event);
      },
    });
    connection.open();
    return () => {
      connection.close();
      clearTimeout(timer);
      clearTimeout(last);
    };
  }, [queryClient, mayListen]);

  useEffect(() => {
    if (state !== "polling") return;
    const timer = setInterval(() => {
      if (document.visibilityState === "hidden") return;
      for (const key of [FIGURES, INGESTION, JOBS]) void queryClient.invalidateQueries({ queryKey: [key] });
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [queryClient, state]);

  const live = useMemo<Live>(
    () => ({
      state,
      lastEventAt,
      subscribe: (listener) => {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [state, lastEventAt],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}
