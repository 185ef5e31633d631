"use client";

import { Link } from "@/components/link";
import { usePathname, useSearchParams } from "next/navigation";
import { usePermissions } from "@/api/account";
import { BRAND_ICON as Brand, navigationFor } from "@/features/frame/navigation";
import { AccountMenu } from "@/features/frame/account-menu";
import { WorkspaceSwitcher } from "@/features/frame/workspace-switcher";
import { carriedOver } from "@/features/range/range";
import { cn } from "@/lib/cn";

/** Where one is and where one can go; `onNavigate` closes the sheet of narrow screens. */
export function Sidebar({ collapsed = false, onNavigate }: { collapsed?: boolean; onNavigate?: () => void }) {
  return (
    <div className="flex h-full flex-col gap-1 px-2 py-3">
      <div className={cn("mb-2 flex h-8 items-center gap-2 px-2", collapsed && "justify-center px-0")}>
        <Brand className="size-5 text-accent" aria-hidden />
        <span className={cn("text-sm font-semibold", collapsed && "sr-only")}>Agent Observability</span>
      </div>
      <WorkspaceSwitcher collapsed={collapsed} />
      <Navigation collapsed={collapsed} {...(onNavigate ? { onNavigate } : {})} />
      <div className="mt-auto">
        <AccountMenu collapsed={collapsed} />
      </div>
    </div>
  );
}

function Navigation({ collapsed, onNavigate }: { collapsed: boolean; onNavigate?: () => void }) {
  const pathname = usePathname();
  const carried = carriedOver(new URLSearchParams(useSearchParams()));
  return (
    <nav aria-label="Main" className="mt-1 flex min-h-0 flex-col gap-3 overflow-y-auto">
      {navigationFor(usePermissions()).map((group) => (
        <div key={group.label}>
          <p className={cn("px-2 py-1 text-xs text-faint", collapsed && "sr-only")}>{group.label}</p>
          <ul className="grid gap-px">
            {group.destinations.map(({ href, label, icon: Icon }) => {
              const isHere = pathname === href || pathname.startsWith(`${href}/`);
              return (
                <li key={href}>
                  <Link
                    href={`${href}${carried}`}
                    aria-current={isHere ? "page" : undefined}
                    title={collapsed ? label : undefined}
                    {...(onNavigate ? { onClick: onNavigate } : {})}
                    className={cn(
                      "flex h-8 items-center gap-2.5 rounded-md px-2 text-sm text-muted hover:bg-raised hover:text-text",
                      isHere && "bg-raised font-medium text-text",
                      collapsed && "justify-center px-0",
                    )}
                  >
                    <Icon className="size-4 shrink-0" aria-hidden />
                    <span className={cn(collapsed && "sr-only")}>{label}</span>
                  </Link>
                </li>
              );
            })}
          </ul>
        </div>
      ))}
    </nav>
  );
}
