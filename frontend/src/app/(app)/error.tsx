"use client";

import { ErrorState } from "@/components/states/states";

export default function PageError({ error, reset }: { error: Error; reset: () => void }) {
  return <ErrorState error={error} onRetry={reset} className="min-h-[60vh]" />;
}
