"use client";

import { Link } from "@/components/link";
import { useQuery } from "@tanstack/react-query";
import { ShieldCheck, TriangleAlert } from "lucide-react";
import { recentAlertsQuery } from "@/api/figures";
import type { Alert } from "@/api/schema";
import { EmptyState, QueryView } from "@/components/states/states";
import { Ago } from "@/components/time";
import { Badge } from "@/components/ui/badge";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { pathWith, useRange } from "@/features/range/range";

const ROWS = 8;

/** What stands out in the figures of the last day. */
export function AlertsFeed() {
  const { state } = useRange();
  const alerts = useQuery(recentAlertsQuery({ limit: ROWS, ...(state.environment.length > 0 ? { environment: state.environment } : {}) }));
  return (
    <Card title="What stands out" aside={<span className="text-xs text-muted">last 24 hours, found in the figures</span>}>
      <QueryView query={alerts} skeleton={<Skeleton className="h-96" />}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<ShieldCheck aria-hidden />} title="Nothing out of the ordinary">
              Errors and latency of every agent are where they were the day before.
            </EmptyState>
          ) : (
            <ul className="grid gap-1">
              {rows.map((alert) => (
                <li key={alert.id} className="border-t border-line py-2 first:border-t-0 first:pt-0">
                  <div className="flex items-center gap-2">
                    <Badge tone={alert.severity === "critical" ? "bad" : "warn"}>
                      <TriangleAlert aria-hidden />
                      {alert.severity === "critical" ? "Critical" : "Warning"}
                    </Badge>
                    <Link
                      href={tracesOf(alert)}
                      className="min-w-0 truncate text-sm font-medium hover:underline"
                    >
                      {alert.title}
                    </Link>
                    <span className="ml-auto text-xs text-muted">
                      <Ago value={alert.started_at} />
                    </span>
                  </div>
                  <p className="mt-1 text-sm text-muted">{alert.message}</p>
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </Card>
  );
}

/** The list of the traces that an alert is about. */
function tracesOf({ agent_id, started_at, ended_at, type }: Alert): string {
  const range = new URLSearchParams({ from: new Date(started_at).toISOString() });
  if (ended_at !== null) range.set("to", new Date(ended_at).toISOString());
  return pathWith("/traces", range, {
    ...(agent_id === null ? {} : { agent_id }),
    ...(type === "error_rate" ? { has_error: "true" } : { sort: "-duration_ms" }),
  });
}
