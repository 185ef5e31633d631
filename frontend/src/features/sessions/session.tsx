"use client";

import { useQuery } from "@tanstack/react-query";
import { Fragment } from "react";
import type { SessionWithTraces, Trace } from "@/api/schema";
import { sessionQuery } from "@/api/traces";
import { LongText } from "@/components/json-view";
import { Link } from "@/components/link";
import { NotThere } from "@/components/not-there";
import { QueryView } from "@/components/states/states";
import { StatusBadge, StatusIcon } from "@/components/status";
import { Time } from "@/components/time";
import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";
import { StatStrip } from "@/components/stat-strip";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { pathWith } from "@/features/range/range";
import { formatCount, formatDuration, formatMoney, formatTimestamp } from "@/lib/format";

/** What was said in a session, trace by trace. */
export function SessionPage({ sessionId }: { sessionId: string }) {
  const query = useQuery(sessionQuery(sessionId));
  return (
    <>
      <PageHeader title={<span className="font-mono text-base">{sessionId}</span>} />
      <PageBody>
        <NotThere query={query} noun="session" listHref="/sessions">
          <QueryView query={query} skeleton={<Skeleton className="h-96" />}>
            {(session) => <Body session={session} />}
          </QueryView>
        </NotThere>
      </PageBody>
    </>
  );
}

function Body({ session }: { session: SessionWithTraces }) {
  return (
    <div className="grid gap-4">
      <StatStrip
        items={[
          ["Status", <StatusBadge key="status" status={session.status} />],
          ["Traces", formatCount(session.trace_count)],
          ["Failed", formatCount(session.error_count)],
          ["Cost", formatMoney(session.cost_usd)],
          ["Tokens", formatCount(session.tokens_total)],
          ["Span of time", formatDuration(session.duration_ms)],
          ["Began", formatTimestamp(session.first_activity)],
          ["Agents", session.agents.join(", ")],
          [
            "Users",
            <span key="users">
              {session.user_ids.map((user, index) => (
                <Fragment key={user}>
                  {index === 0 ? "" : ", "}
                  <Link href={`/users/${encodeURIComponent(user)}`} className="text-accent hover:underline">
                    {user}
                  </Link>
                </Fragment>
              ))}
            </span>,
          ],
          ...Object.entries(session.scores).map(([name, value]) => [name, String(value)] as const),
        ]}
      />
      <ol className="grid gap-3" aria-label="Traces of the session">
        {session.traces.map((trace) => (
          <Turn key={trace.trace_id} trace={trace} />
        ))}
      </ol>
      {session.traces_cursor ? (
        <p className="text-sm text-muted">
          The first {formatCount(session.traces.length)} traces are shown.{" "}
          <Link href={pathWith("/traces", new URLSearchParams({ range: "90d" }), { session_id: session.session_id, sort: "start_time" })} className="text-accent hover:underline">
            All of them
          </Link>
        </p>
      ) : null}
    </div>
  );
}

function Turn({ trace }: { trace: Trace }) {
  return (
    <li>
      <Card
        title={
          <Link href={`/traces/${encodeURIComponent(trace.trace_id)}`} className="flex items-center gap-2 hover:underline">
            <StatusIcon status={trace.status} />
            {trace.agent_id ?? trace.name}
          </Link>
        }
        aside={
          <span className="tabular flex flex-wrap gap-3 text-xs text-muted">
            <span>{formatDuration(trace.duration_ms)}</span>
            <span>{formatMoney(trace.cost_usd)}</span>
            <Time value={trace.start_time} />
          </span>
        }
      >
        <div className="grid gap-2 text-sm">
          {trace.input_preview ? (
            <p className="rounded-md bg-raised px-3 py-2">
              <LongText text={trace.input_preview} />
            </p>
          ) : null}
          {trace.output_preview ? (
            <p className="ml-6 rounded-md bg-accent-soft px-3 py-2">
              <LongText text={trace.output_preview} />
            </p>
          ) : null}
          {trace.error?.message && trace.status !== "success" ? (
            <p className="rounded-md bg-bad-soft px-3 py-2 text-bad">
              <LongText text={trace.error.message} />
            </p>
          ) : null}
        </div>
      </Card>
    </li>
  );
}
