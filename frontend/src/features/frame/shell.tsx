"use client";

import { useQuery } from "@tanstack/react-query";
import { Menu as MenuIcon, Search } from "lucide-react";
import { type ReactNode, Suspense, useMemo, useState } from "react";
import { meQuery } from "@/api/account";
import type { MeAnswer } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Admission } from "@/features/frame/admission";
import { CommandPalette } from "@/features/frame/command-palette";
import { ShellContext } from "@/features/frame/shell-context";
import { Shortcuts } from "@/features/frame/shortcuts";
import { Sidebar } from "@/features/frame/sidebar";
import { LiveProvider } from "@/features/live/live";
import { cn } from "@/lib/cn";
import { useStored } from "@/lib/stored";

interface ShellProps {
  /** Who asked for the page; null where only the browser can find out. */
  caller: MeAnswer | null;
  children: ReactNode;
}

/** The frame around every page of someone who has signed in. */
export function Shell({ caller, children }: ShellProps) {
  // What the server found out is there for all parts before they would ask for it.
  useQuery({ ...meQuery(), ...(caller ? { initialData: caller } : {}) });
  const [collapsed, setCollapsed] = useStored("aobs.sidebar", "open");
  const [sheetOpen, setSheetOpen] = useState(false);
  const [paletteOpen, setPaletteOpen] = useState(false);
  const isCollapsed = collapsed === "collapsed";
  const shell = useMemo(
    () => ({
      openPalette: () => setPaletteOpen(true),
      toggleSidebar: () => setCollapsed(isCollapsed ? "open" : "collapsed"),
    }),
    [isCollapsed, setCollapsed],
  );
  return (
    <ShellContext value={shell}>
      <LiveProvider>
        <a
          href="#content"
          className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-surface focus:p-2"
        >
          Skip to content
        </a>
        <div className="flex min-h-dvh">
          <aside
            className={cn("sticky top-0 hidden h-dvh shrink-0 border-r border-line bg-surface md:block", isCollapsed ? "w-14" : "w-56")}
          >
            <Suspense>
              <Sidebar collapsed={isCollapsed} />
            </Suspense>
          </aside>
          <div className="flex min-w-0 flex-1 flex-col">
            <div className="flex h-12 items-center gap-2 border-b border-line bg-surface px-3 md:hidden">
              <Button variant="ghost" size="icon" aria-label="Open navigation" onClick={() => setSheetOpen(true)}>
                <MenuIcon aria-hidden />
              </Button>
              <span className="text-sm font-semibold">Agent Observability</span>
              <Button variant="ghost" size="icon" aria-label="Search and commands" className="ml-auto" onClick={shell.openPalette}>
                <Search aria-hidden />
              </Button>
            </div>
            <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
              <Suspense>
                <Admission>{children}</Admission>
              </Suspense>
            </main>
          </div>
        </div>
        <Dialog title="Navigation" side="left" open={sheetOpen} onOpenChange={setSheetOpen} className="p-3">
          <Suspense>
            <Sidebar onNavigate={() => setSheetOpen(false)} />
          </Suspense>
        </Dialog>
        <Suspense>
          <CommandPalette open={paletteOpen} onOpenChange={setPaletteOpen} />
          <Shortcuts />
        </Suspense>
      </LiveProvider>
    </ShellContext>
  );
}
