"use client";

import { useQuery } from "@tanstack/react-query";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { meQuery } from "@/api/account";
import { Forbidden, QueryView } from "@/components/states/states";
import { Skeleton } from "@/components/ui/skeleton";
import { Tabs, TabsContent, TabsList, TabsTrigger } from "@/components/ui/tabs";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { Account } from "@/features/settings/account";
import { General } from "@/features/settings/general";
import { Keys } from "@/features/settings/keys";
import { Team } from "@/features/settings/team";

const TABS = [
  { name: "general", label: "General", permission: "workspace:read", content: General },
  { name: "team", label: "Team", permission: "admin", content: Team },
  { name: "keys", label: "API keys", permission: "keys", content: Keys },
  { name: "account", label: "Account", permission: "account", content: Account },
] as const;
const NAMES = TABS.map((tab) => tab.name);

export function Settings() {
  const me = useQuery(meQuery());
  const [tab, setTab] = useQueryState("tab", parseAsStringLiteral(NAMES).withDefault("general").withOptions({ history: "push" }));
  return (
    <>
      <PageHeader title="Settings" />
      <PageBody>
        <QueryView query={me} skeleton={<Skeleton className="h-96 max-w-3xl" />}>
          {(caller) => (
            <Tabs value={tab} onValueChange={(next) => void setTab(NAMES.find((name) => name === next) ?? null)}>
              <TabsList aria-label="Settings">
                {TABS.filter(({ permission }) => caller.permissions.includes(permission)).map(({ name, label }) => (
                  <TabsTrigger key={name} value={name}>
                    {label}
                  </TabsTrigger>
                ))}
              </TabsList>
              {TABS.map(({ name, label, permission, content: Content }) => (
                <TabsContent key={name} value={name} className="mt-4">
                  {caller.permissions.includes(permission) ? (
                    <Content caller={caller} />
                  ) : (
                    <Forbidden>Your role in this workspace does not allow {label}.</Forbidden>
                  )}
                </TabsContent>
              ))}
            </Tabs>
          )}
        </QueryView>
      </PageBody>
    </>
  );
}
