"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { Check, ChevronsUpDown, Plus } from "lucide-react";
import { useState } from "react";
import { meQuery, workspacesQuery } from "@/api/account";
import { session } from "@/api/client";
import { Menu, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { NewWorkspace } from "@/features/frame/new-workspace";
import { cn } from "@/lib/cn";
import { loadPage } from "@/lib/load-page";

export function WorkspaceSwitcher({ collapsed }: { collapsed: boolean }) {
  const me = useQuery(meQuery());
  const workspaces = useQuery(workspacesQuery());
  const change = useMutation({
    mutationFn: (workspaceId: string) => session("switch", { workspace_id: workspaceId }),
    // Nothing that was loaded belongs to the other workspace.
    onSuccess: () => loadPage("/dashboard"),
  });
  const [isCreating, setCreating] = useState(false);
  const current = me.data?.workspace;
  const name = current?.name ?? "Workspace";
  return (
    <Menu>
      <MenuTrigger asChild>
        <button
          type="button"
          aria-label={`Workspace ${name}`}
          className={cn(
            "flex h-9 w-full items-center gap-2 rounded-md border border-line px-2 text-left text-sm hover:bg-raised",
            collapsed && "justify-center px-0",
          )}
        >
          <span aria-hidden className="flex size-5 shrink-0 items-center justify-center rounded-sm bg-accent text-xs font-semibold text-on-accent">
            {name.slice(0, 1).toUpperCase()}
          </span>
          <span className={cn("min-w-0 flex-1 truncate font-medium", collapsed && "sr-only")}>{current?.name ?? ""}</span>
          {collapsed ? null : <ChevronsUpDown className="size-3.5 text-muted" aria-hidden />}
        </button>
      </MenuTrigger>
      <MenuContent className="min-w-56">
        <MenuLabel>Workspaces</MenuLabel>
        {(workspaces.data ?? []).map((workspace) => (
          <MenuItem
            key={workspace.id}
            disabled={change.isPending}
            onSelect={() => (workspace.id === current?.id ? undefined : change.mutate(workspace.id))}
          >
            <span className="min-w-0 flex-1 truncate">{workspace.name}</span>
            {workspace.id === current?.id ? <Check aria-label="current" /> : null}
          </MenuItem>
        ))}
        {change.error ? <p className="px-2 py-1 text-xs text-bad">{change.error.message}</p> : null}
        <MenuSeparator />
        <MenuItem onSelect={() => setCreating(true)}>
          <Plus aria-hidden />
          New workspace…
        </MenuItem>
      </MenuContent>
      <NewWorkspace open={isCreating} onOpenChange={setCreating} />
    </Menu>
  );
}
