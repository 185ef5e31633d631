"use client";

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { ThemeProvider } from "next-themes";
import { NuqsAdapter } from "nuqs/adapters/next/app";
import { type ReactNode, useState } from "react";
import { ApiError } from "@/api/errors";
import { OPEN_PAGES } from "@/lib/open-pages";
import { loadPage } from "@/lib/load-page";

const MOST_RETRIES = 2;

/** Asks again where another try may help, and never where the answer is final. */
function mayRetry(failures: number, error: Error): boolean {
  return failures < MOST_RETRIES && (!(error instanceof ApiError) || error.isPassing);
}

/** Whoever is no longer signed in goes to the sign-in, and from there back to where they were. */
function onError(error: Error): void {
  if (!(error instanceof ApiError) || error.status !== 401 || OPEN_PAGES.includes(window.location.pathname)) return;
  const next = encodeURIComponent(`${window.location.pathname}${window.location.search}`);
  loadPage(`/login?expired=1&next=${next}`);
}

function createQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        retry: mayRetry,
        retryDelay: (attempt, error) =>
          error instanceof ApiError && error.retryAfter !== null ? Math.min(error.retryAfter, 10) * 1000 : 500 * 2 ** attempt,
        staleTime: 5_000,
        refetchOnWindowFocus: true,
      },
    },
  });
}

export function Providers({ children, nonce }: { children: ReactNode; nonce: string | undefined }) {
  const [queryClient] = useState(createQueryClient);
  return (
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem disableTransitionOnChange {...(nonce ? { nonce } : {})}>
      <QueryClientProvider client={queryClient}>
        <NuqsAdapter>{children}</NuqsAdapter>
      </QueryClientProvider>
    </ThemeProvider>
  );
}
