"use client";

import { useQuery } from "@tanstack/react-query";
import { Command } from "cmdk";
import { Bot, ListTree, Moon, PanelLeft, Sun } from "lucide-react";
import { useTheme } from "next-themes";
import { useRouter, useSearchParams } from "next/navigation";
import { Dialog as Primitive } from "radix-ui";
import { type ReactNode, useState } from "react";
import { usePermissions } from "@/api/account";
import { agentsQuery } from "@/api/figures";
import { useFocusReturn } from "@/components/ui/focus-return";
import { navigationFor } from "@/features/frame/navigation";
import { useShell } from "@/features/frame/shell-context";
import { carriedOver, pathWith } from "@/features/range/range";

const row = "flex h-9 items-center gap-2.5 rounded-md px-2 text-sm data-[selected=true]:bg-raised data-[selected=true]:shadow-[inset_2px_0_0_var(--accent)] [&_svg]:size-4 [&_svg]:text-muted";
const heading = "[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-faint";

interface PaletteProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** Pages, traces by id or words, agents and actions, by typing. */
export function CommandPalette({ open, onOpenChange }: PaletteProps) {
  const focusReturn = useFocusReturn();
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className="fixed inset-0 z-40 bg-black/40" />
        <Primitive.Content
          aria-describedby={undefined}
          {...focusReturn}
          className="animate-appear fixed top-[12vh] left-1/2 z-50 w-[min(36rem,calc(100vw-2rem))] -translate-x-1/2 overflow-hidden rounded-lg border border-line bg-surface shadow-lg"
        >
          <Primitive.Title className="sr-only">Search and commands</Primitive.Title>
          <Palette onDone={() => onOpenChange(false)} />
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}

function Palette({ onDone }: { onDone: () => void }) {
  const router = useRouter();
  const shell = useShell();
  const { resolvedTheme, setTheme } = useTheme();
  const carried = carriedOver(new URLSearchParams(useSearchParams()));
  const [typed, setTyped] = useState("");
  const permissions = usePermissions();
  const mayRead = permissions.includes("read");
  const agents = useQuery({ ...agentsQuery({ range: "30d" }), staleTime: 60_000, enabled: mayRead });
  const text = typed.trim();

  function run(action: () => void) {
    onDone();
    action();
  }
  const go = (href: string) => run(() => router.push(href));
  const isDark = resolvedTheme === "dark";
  return (
    <Command label="Search and commands">
      <Command.Input
        value={typed}
        onValueChange={setTyped}
        placeholder="Go to a page, open a trace, find an agent…"
        className="h-11 w-full border-b border-line bg-transparent px-3 text-sm placeholder:text-faint focus-visible:-outline-offset-2"
      />
      <Command.List className="max-h-96 overflow-y-auto p-1.5">
        <Command.Empty className="px-2 py-6 text-center text-sm text-muted">Nothing found</Command.Empty>
        <Command.Group heading="Pages" className={heading}>
          {navigationFor(permissions).flatMap(({ destinations }) =>
            destinations.map(({ href, label, icon: Icon }) => (
              <Item key={href} value={label} onSelect={() => go(`${href}${carried}`)} icon={<Icon aria-hidden />}>
                {label}
              </Item>
            )),
          )}
        </Command.Group>
        <Command.Group heading="Agents" className={heading}>
          {(agents.data ?? []).map(({ agent_id: agent }) =>
            agent === null ? null : (
              <Item key={agent} value={`agent ${agent}`} onSelect={() => go(pathWith("/traces", new URLSearchParams(), { agent_id: agent }))} icon={<Bot aria-hidden />}>
                {agent}
              </Item>
            ),
          )}
        </Command.Group>
        <Command.Group heading="Actions" className={heading}>
          <Item value="light dark theme" onSelect={() => run(() => setTheme(isDark ? "light" : "dark"))} icon={isDark ? <Sun aria-hidden /> : <Moon aria-hidden />}>
            {isDark ? "Light theme" : "Dark theme"}
          </Item>
          <Item value="collapse navigation sidebar" onSelect={() => run(shell.toggleSidebar)} icon={<PanelLeft aria-hidden />}>
            Collapse or expand navigation
          </Item>
        </Command.Group>
        {/* Last, so that what the words name comes first; an id names nothing else. */}
        {text === "" || !mayRead ? null : (
          <Command.Group heading="Traces" className={heading} forceMount>
            <Item value={`open trace ${text}`} onSelect={() => go(`/traces/${encodeURIComponent(text)}`)} forceMount icon={<ListTree aria-hidden />}>
              Open trace <span className="truncate font-mono text-xs">{text}</span>
            </Item>
            <Item value={`search traces ${text}`} onSelect={() => go(`/traces?q=${encodeURIComponent(text)}`)} forceMount icon={<ListTree aria-hidden />}>
              Search traces for “<span className="truncate">{text}</span>”
            </Item>
          </Command.Group>
        )}
      </Command.List>
    </Command>
  );
}

interface ItemProps {
  value: string;
  onSelect: () => void;
  icon: ReactNode;
  forceMount?: boolean;
  children: ReactNode;
}

function Item({ icon, children, ...props }: ItemProps) {
  return (
    <Command.Item className={row} {...props}>
      {icon}
      <span className="flex min-w-0 items-center gap-1">{children}</span>
    </Command.Item>
  );
}
