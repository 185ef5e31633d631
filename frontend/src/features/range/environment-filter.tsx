"use client";

import { useQuery } from "@tanstack/react-query";
import { ChevronDown, Layers } from "lucide-react";
import { useMay } from "@/api/account";
import { facetsQuery } from "@/api/traces";
import { Button } from "@/components/ui/button";
import { Menu, MenuCheck, MenuContent, MenuItem, MenuLabel, MenuSeparator, MenuTrigger } from "@/components/ui/menu";
import { useRange } from "@/features/range/range";

/** Chooses environments; those of the last month are offered. */
export function EnvironmentFilter() {
  const { state, setState } = useRange();
  const facets = useQuery({ ...facetsQuery({ range: "30d", facets: ["environment"], limit: 50 }), staleTime: 60_000, enabled: useMay("read") });
  const found = facets.data?.facets[0]?.values.map((entry) => entry.value) ?? [];
  const names = [...new Set([...found, ...state.environment])].sort();
  if (names.length === 0) return null;
  const chosen = state.environment;
  const label = chosen.length === 0 ? "All environments" : chosen.length === 1 ? chosen[0] : `${chosen.length} environments`;
  return (
    <Menu>
      <MenuTrigger asChild>
        <Button aria-label={`Environment: ${label}`}>
          <Layers aria-hidden className="text-muted" />
          <span className="max-w-32 truncate">{label}</span>
          <ChevronDown aria-hidden className="text-muted" />
        </Button>
      </MenuTrigger>
      <MenuContent align="end">
        <MenuLabel>Environment</MenuLabel>
        {names.map((name) => (
          <MenuCheck
            key={name}
            checked={chosen.includes(name)}
            onSelect={(event) => event.preventDefault()}
            onCheckedChange={(checked) =>
              void setState({ environment: checked ? [...chosen, name] : chosen.filter((other) => other !== name) })
            }
          >
            {name}
          </MenuCheck>
        ))}
        {chosen.length > 0 ? (
          <>
            <MenuSeparator />
            <MenuItem onSelect={() => void setState({ environment: [] })}>All environments</MenuItem>
          </>
        ) : null}
      </MenuContent>
    </Menu>
  );
}
