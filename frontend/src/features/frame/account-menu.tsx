"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { LogOut, Monitor, Moon, Sun } from "lucide-react";
import { useTheme } from "next-themes";
import { meQuery } from "@/api/account";
import { session } from "@/api/client";
import { Menu, MenuCheck, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { cn } from "@/lib/cn";
import { loadPage } from "@/lib/load-page";

const THEMES = [
  { value: "system", label: "As the system", icon: Monitor },
  { value: "light", label: "Light", icon: Sun },
  { value: "dark", label: "Dark", icon: Moon },
] as const;

export function AccountMenu({ collapsed }: { collapsed: boolean }) {
  const me = useQuery(meQuery());
  const { theme, setTheme } = useTheme();
  const signOut = useMutation({
    mutationFn: () => session("logout"),
    onSettled: () => loadPage("/login"),
  });
  const name = me.data?.full_name ?? "";
  return (
    <Menu>
      <MenuTrigger asChild>
        <button
          type="button"
          aria-label={`Account ${name}`}
          className={cn(
            "flex h-10 w-full items-center gap-2 rounded-md px-2 text-left text-sm hover:bg-raised",
            collapsed && "justify-center px-0",
          )}
        >
          <span aria-hidden className="flex size-6 shrink-0 items-center justify-center rounded-full bg-raised text-xs font-medium">
            {name.slice(0, 1).toUpperCase()}
          </span>
          <span className={cn("min-w-0 flex-1 truncate", collapsed && "sr-only")}>{name}</span>
        </button>
      </MenuTrigger>
      <MenuContent side="top" className="min-w-56">
        <MenuLabel>
          {me.data?.email}
          {me.data?.role ? ` · ${me.data.role}` : ""}
        </MenuLabel>
        <MenuSeparator />
        <MenuLabel>Appearance</MenuLabel>
        {THEMES.map(({ value, label, icon: Icon }) => (
          <MenuCheck key={value} checked={theme === value} onCheckedChange={() => setTheme(value)}>
            <Icon aria-hidden />
            {label}
          </MenuCheck>
        ))}
        <MenuSeparator />
        <MenuItem disabled={signOut.isPending} onSelect={() => signOut.mutate()}>
          <LogOut aria-hidden />
          Sign out
        </MenuItem>
      </MenuContent>
    </Menu>
  );
}
