"use client";

import { useQuery } from "@tanstack/react-query";
import { activityQuery } from "@/api/figures";
import { Link } from "@/components/link";
import { EmptyState, QueryView } from "@/components/states/states";
import { StatusIcon } from "@/components/status";
import { Ago } from "@/components/time";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { FEED_ROWS } from "@/features/home/has-traces";
import { useRange } from "@/features/range/range";
import { formatDuration, formatMoney } from "@/lib/format";
import { Radio } from "lucide-react";

/** The traces that started last. */
export function ActivityFeed() {
  const { state } = useRange();
  const activity = useQuery(activityQuery({ limit: FEED_ROWS, ...(state.environment.length > 0 ? { environment: state.environment } : {}) }));
  return (
    <Card title="Activity" aside={<Link href="/traces" className="text-xs text-accent hover:underline">All traces</Link>}>
      <QueryView query={activity} skeleton={<Skeleton className="h-96" />}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<Radio aria-hidden />} title="Nothing in the last month" />
          ) : (
            <ul className="-mx-2">
              {rows.map((row) => (
                <li key={row.trace_id}>
                  <Link
                    href={`/traces/${encodeURIComponent(row.trace_id)}`}
                    className="grid min-h-9 grid-cols-[1rem_minmax(0,1fr)_auto] items-center gap-x-2.5 rounded-md px-2 py-1 text-sm hover:bg-raised md:grid-cols-[1rem_10rem_minmax(0,1fr)_4.5rem_5rem_5rem]"
                  >
                    <StatusIcon status={row.status} />
                    <span className="truncate font-medium">{row.agent_id ?? row.name}</span>
                    <span className="hidden truncate text-muted md:block">{(row.status === "success" ? null : row.error_message) ?? row.input_preview ?? row.name}</span>
                    <span className="tabular hidden text-right text-muted md:block">{formatDuration(row.duration_ms)}</span>
                    <span className="tabular hidden text-right text-muted md:block">{formatMoney(row.cost_usd)}</span>
                    <span className="text-right text-xs text-muted">
                      <Ago value={row.time} />
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </QueryView>
    </Card>
  );
}
