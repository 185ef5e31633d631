"use client";

import { useEffect, useState } from "react";
import { formatAgo, formatDuration, formatTime, formatTimestamp } from "@/lib/format";

const TICK_MS = 10_000;
const SECOND_MS = 1_000;

/** A moment, its full form on hover. */
export function Time({ value }: { value: string | null }) {
  if (value === null) return <>{formatTime(null)}</>;
  return (
    <time dateTime={value} title={formatTimestamp(value)}>
      {formatTime(value)}
    </time>
  );
}

/** How long ago something was, kept up to date. */
export function Ago({ value }: { value: string | null }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  if (value === null) return <>{formatAgo(null)}</>;
  return (
    <time dateTime={value} title={formatTimestamp(value)} className="whitespace-nowrap">
      {formatAgo(value, now)}
    </time>
  );
}

/** How long something took, or has taken by now while it has not ended. */
export function Elapsed({ from, to }: { from: string | null; to: string | null }) {
  const isRunning = from !== null && to === null;
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!isRunning) return;
    const timer = setInterval(() => setNow(Date.now()), SECOND_MS);
    return () => clearInterval(timer);
  }, [isRunning]);
  if (from === null) return <>{formatDuration(null)}</>;
  return <>{formatDuration(Math.max(0, (to === null ? now : Date.parse(to)) - Date.parse(from)))}</>;
}
