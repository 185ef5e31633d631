"use client";

import { useEffect, useState } from "react";
import { formatAgo, formatTime, formatTimestamp } from "@/lib/format";

const TICK_MS = 10_000;

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
