"use client";

import { PanelLeft, Search } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { useShell } from "@/features/frame/shell-context";

interface PageHeaderProps {
  title: ReactNode;
  /** What can be done on this page. */
  actions?: ReactNode;
}

export function PageHeader({ title, actions }: PageHeaderProps) {
  const shell = useShell();
  return (
    <header className="sticky top-0 z-20 flex min-h-12 flex-wrap items-center gap-2 border-b border-line bg-ground/95 px-4 py-2 backdrop-blur">
      <Button variant="ghost" size="icon-sm" aria-label="Collapse or expand navigation" className="-ml-2 hidden md:inline-flex" onClick={shell.toggleSidebar}>
        <PanelLeft aria-hidden />
      </Button>
      <h1 className="min-w-0 truncate text-lg font-semibold">{title}</h1>
      <div className="ml-auto flex flex-wrap items-center gap-2">
        {actions}
        <Button variant="ghost" aria-label="Search and commands" className="hidden px-2 md:inline-flex" onClick={shell.openPalette}>
          <Search aria-hidden />
          <Kbd>⌘K</Kbd>
        </Button>
      </div>
    </header>
  );
}

/** What is below the head of a page. */
export function PageBody({ children }: { children: ReactNode }) {
  return <div className="mx-auto grid w-full max-w-[1680px] grid-cols-[minmax(0,1fr)] gap-4 p-4">{children}</div>;
}
