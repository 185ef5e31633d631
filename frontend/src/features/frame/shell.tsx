"use client";

import { useQuery } from "@tanstack/react-query";
import { Menu as MenuIcon, Search } from "lucide-react";
import dynamic from "next/dynamic";
import { usePathname } from "next/navigation";
import { type ReactNode, type RefObject, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { meQuery } from "@/api/account";
import type { MeAnswer } from "@/api/schema";
import { Button } from "@/components/ui/button";
import { Admission } from "@/features/frame/admission";
import type { Overlay } from "@/features/frame/overlays";
import { ShellContext } from "@/features/frame/shell-context";
import { Shortcuts } from "@/features/frame/shortcuts";
import { Sidebar } from "@/features/frame/sidebar";
import { LiveProvider } from "@/features/live/live";
import { cn } from "@/lib/cn";
import { useStored } from "@/lib/stored";

/** What shows that somebody is there. */
const STIRRINGS = ["pointermove", "pointerdown", "keydown"] as const;

const loadOverlays = () => import("@/features/frame/overlays").then((module) => module.Overlays);
const Overlays = dynamic(loadOverlays, { ssr: false });

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
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  const [isOverlayLoaded, setOverlayLoaded] = useState(false);
  const isCollapsed = collapsed === "collapsed";
  const shell = useMemo(
    () => ({
      openPalette: () => setOverlay("palette"),
      openHelp: () => setOverlay("help"),
      toggleSidebar: () => setCollapsed(isCollapsed ? "open" : "collapsed"),
    }),
    [isCollapsed, setCollapsed],
  );
  useEffect(() => {
    // Before they are asked for: the first letters typed into a palette that still loads would be lost.
    const load = () => {
      stop();
      void loadOverlays().then(() => setOverlayLoaded(true));
    };
    const stop = () => STIRRINGS.forEach((name) => window.removeEventListener(name, load));
    STIRRINGS.forEach((name) => window.addEventListener(name, load, { passive: true }));
    return stop;
  }, []);
  const main = useRef<HTMLElement>(null);
  useKeptFocus(main);
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
              <Button variant="ghost" size="icon" aria-label="Open navigation" onClick={() => setOverlay("navigation")}>
                <MenuIcon aria-hidden />
              </Button>
              <span className="text-sm font-semibold">Agent Observability</span>
              <Button variant="ghost" size="icon" aria-label="Search and commands" className="ml-auto" onClick={shell.openPalette}>
                <Search aria-hidden />
              </Button>
            </div>
            <main ref={main} id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
              <Suspense>
                <Admission>{children}</Admission>
              </Suspense>
            </main>
          </div>
        </div>
        <Suspense>
          {overlay !== null || isOverlayLoaded ? <Overlays shown={overlay} onClose={() => setOverlay(null)} /> : null}
          <Shortcuts />
        </Suspense>
      </LiveProvider>
    </ShellContext>
  );
}

/** Puts the focus into the page when what had it went with the page before, so that keys go on from there and not from the top. */
function useKeptFocus(main: RefObject<HTMLElement | null>): void {
  const pathname = usePathname();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, [pathname, main]);
}
