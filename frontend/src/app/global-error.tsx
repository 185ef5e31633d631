"use client";

import "@/app/globals.css";

export default function GlobalError({ reset }: { reset: () => void }) {
  return (
    <html lang="en">
      <body className="font-sans">
        <main className="flex min-h-dvh flex-col items-center justify-center gap-3 p-6 text-center">
          <h1 className="text-xl font-semibold">The dashboard ran into an error</h1>
          <p className="text-sm text-muted">Your data are not affected.</p>
          <button type="button" onClick={reset} className="h-9 rounded-md bg-accent px-4 text-sm font-medium text-on-accent">
            Load it again
          </button>
        </main>
      </body>
    </html>
  );
}
