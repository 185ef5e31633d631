"use client";

import { useQuery } from "@tanstack/react-query";
import type { UserDetail } from "@/api/schema";
import { userQuery } from "@/api/traces";
import { Chart, type Point, type Series } from "@/components/charts/chart";
import { Link } from "@/components/link";
import { NotThere } from "@/components/not-there";
import { StatStrip } from "@/components/stat-strip";
import { QueryView } from "@/components/states/states";
import { StatusIcon } from "@/components/status";
import { Ago, Time } from "@/components/time";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { pathWith } from "@/features/range/range";
import { formatCount, formatDuration, formatMoney, formatShare, shortId } from "@/lib/format";

const SERIES: readonly Series[] = [
  { key: "succeeded", label: "Without failure", colour: "var(--chart-3)" },
  { key: "failed", label: "Failed", colour: "var(--chart-4)" },
];

const DAY_MS = 86_400_000;

/** The days of a user as a chart takes them, from the first that has traces to the last, those without any too. */
export function dayPoints(days: UserDetail["activity"]): Point[] {
  const byDay = new Map(days.map((entry) => [entry.day.slice(0, 10), entry]));
  const [first, last] = [days[0], days.at(-1)].map((entry) => (entry === undefined ? Number.NaN : Date.parse(entry.day.slice(0, 10))));
  const points: Point[] = [];
  for (let at = first ?? Number.NaN; at <= (last ?? Number.NaN); at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    const { trace_count: all = 0, error_count: failed = 0 } = byDay.get(day) ?? {};
    // A day of the calendar, shown as that day wherever the viewer is.
    points.push({ time: `${day}T00:00:00`, values: { succeeded: all - failed, failed } });
  }
  return points;
}

/** What one person did, with what success and for how much. */
export function UserPage({ userId }: { userId: string }) {
  const query = useQuery(userQuery(userId));
  return (
    <>
      <PageHeader title={userId} actions={<span className="text-xs text-muted">last 30 days</span>} />
      <PageBody>
        <NotThere query={query} noun="user" listHref="/users">
          <QueryView query={query} skeleton={<Skeleton className="h-96" />}>
            {(user) => <Body user={user} />}
          </QueryView>
        </NotThere>
      </PageBody>
    </>
  );
}

function Body({ user }: { user: UserDetail }) {
  const all = pathWith("/traces", new URLSearchParams({ range: "30d" }), { user_id: user.user_id });
  return (
    <div className="grid gap-4">
      <StatStrip
        items={[
          ["Traces", <Link key="traces" href={all} className="text-accent hover:underline">{formatCount(user.trace_count)}</Link>],
          ["Sessions", formatCount(user.session_count)],
          ["Error rate", formatShare(user.error_rate)],
          ["Cost", formatMoney(user.cost_usd)],
          ["Tokens", formatCount(user.tokens_total)],
          ["First activity", <Ago key="first" value={user.first_activity} />],
          ["Last activity", <Ago key="last" value={user.last_activity} />],
        ]}
      />
      <Card title="Traces a day">
        <Chart label="Traces a day" kind="bar" series={SERIES} points={dayPoints(user.activity)} format={formatCount} height={160} />
      </Card>
      <div className="grid gap-4 xl:grid-cols-3">
        <Shares title="Agents" rows={user.by_agent} />
        <Shares title="Models" rows={user.by_model} />
        <Card title="What failed">
          {user.errors.length === 0 ? <p className="text-sm text-muted">Nothing</p> : null}
          <ul className="grid gap-2 text-sm">
            {user.errors.map((error) => (
              <li key={`${error.type} ${error.message}`} className="flex justify-between gap-3">
                <span className="min-w-0 truncate" title={error.message ?? undefined}>
                  {[error.type, error.message].filter(Boolean).join(": ")}
                </span>
                <span className="tabular shrink-0 text-muted">{formatCount(error.count)} ×</span>
              </li>
            ))}
          </ul>
        </Card>
      </div>
      <div className="grid gap-4 xl:grid-cols-2">
        <Card title="Latest traces" aside={<Link href={all} className="text-xs text-accent hover:underline">All</Link>}>
          <ul className="-mx-2">
            {user.recent_traces.map((trace) => (
              <li key={trace.trace_id}>
                <Link
                  href={`/traces/${encodeURIComponent(trace.trace_id)}`}
                  className="grid min-h-9 grid-cols-[1rem_minmax(0,1fr)_auto_auto] items-center gap-2.5 rounded-md px-2 text-sm hover:bg-raised"
                >
                  <StatusIcon status={trace.status} />
                  <span className="truncate">{trace.input_preview ?? trace.name}</span>
                  <span className="tabular text-xs text-muted">{formatDuration(trace.duration_ms)}</span>
                  <span className="text-xs text-muted">
                    <Time value={trace.start_time} />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        </Card>
        <Card title="Latest sessions">
          <ul className="-mx-2">
            {user.recent_sessions.map((session) => (
              <li key={session.session_id}>
                <Link
                  href={`/sessions/${encodeURIComponent(session.session_id)}`}
                  className="grid min-h-9 grid-cols-[minmax(0,1fr)_auto_auto] items-center gap-2.5 rounded-md px-2 text-sm hover:bg-raised"
                >
                  <span className="truncate font-mono text-xs">{shortId(session.session_id, 28)}</span>
                  <span className="tabular text-xs text-muted">{formatCount(session.trace_count)} traces</span>
                  <span className="text-xs text-muted">
                    <Ago value={session.last_activity} />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        </Card>
      </div>
    </div>
  );
}

function Shares({ title, rows }: { title: string; rows: UserDetail["by_agent"] }) {
  const most = Math.max(1, ...rows.map((row) => row.trace_count));
  return (
    <Card title={title}>
      {rows.length === 0 ? <p className="text-sm text-muted">None</p> : null}
      <ul className="grid gap-1.5 text-sm">
        {rows.map((row) => (
          <li key={row.name}>
            <div className="flex justify-between gap-3">
              <span className="truncate">{row.name}</span>
              <span className="tabular text-muted">{formatCount(row.trace_count)}</span>
            </div>
            <div aria-hidden className="mt-1 h-1 rounded-full bg-raised">
              <div className="h-full rounded-full bg-chart-1" style={{ width: `${(row.trace_count / most) * 100}%` }} />
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}
