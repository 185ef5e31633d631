import type { ReactNode } from "react";
import { BRAND_ICON as Brand } from "@/features/frame/navigation";

export default function AuthLayout({ children }: { children: ReactNode }) {
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <div className="w-full max-w-sm">
        <p className="mb-6 flex items-center justify-center gap-2 font-semibold">
          <Brand className="size-5 text-accent" aria-hidden />
          Agent Observability
        </p>
        <div className="rounded-lg border border-line bg-surface p-6">{children}</div>
      </div>
    </main>
  );
}
