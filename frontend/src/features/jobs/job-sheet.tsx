"use client";

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { CircleX, Info, ScrollText, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { jobLogsQuery, jobQuery } from "@/api/operations";
import type { JobLine, JobView } from "@/api/schema";
import { Details } from "@/components/details";
import { JsonText } from "@/components/json-text";
import { EmptyState, QueryView } from "@/components/states/states";
import { Elapsed, Time } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { ExportState } from "@/features/exports/export-state";
import { hasEnded, jobTypeLabel } from "@/features/jobs/describe";
import { JobStatusBadge, Progress } from "@/features/jobs/job-status";
import { cn } from "@/lib/cn";
import { formatTime, formatTimestamp, MISSING } from "@/lib/format";

interface JobSheetProps {
  jobId: string;
  nameOwner: (job: JobView) => string;
  onClose: () => void;
}

/** A job with its parameters, its result and its log. */
export function JobSheet({ jobId, nameOwner, onClose }: JobSheetProps) {
  const job = useQuery(jobQuery(jobId));
  return (
    <Dialog
      title={job.data ? jobTypeLabel(job.data.type) : "Job"}
      side="right"
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
    >
      <QueryView query={job} skeleton={<Skeleton className="h-96" />}>
        {(data) => (
          <div className="grid gap-5">
            {hasEnded(data) || data.type === "export" ? null : (
              <div className="grid gap-1">
                <Progress value={data.progress} label="Progress" />
                <p className="text-sm text-muted">{data.message}</p>
              </div>
            )}
            <Details entries={entriesOf(data, nameOwner(data))} />
            {data.error === null ? null : (
              <p className="rounded-md bg-bad-soft px-2.5 py-2 text-sm break-words whitespace-pre-wrap text-bad">{data.error}</p>
            )}
            {data.type === "export" ? <ExportState exportId={data.id} /> : null}
            {data.result === null ? null : <JsonText title="Result" value={data.result} />}
            {Object.keys(data.params).length === 0 ? null : <JsonText title="Parameters" value={data.params} />}
            <Log jobId={jobId} />
          </div>
        )}
      </QueryView>
    </Dialog>
  );
}

function entriesOf(job: JobView, owner: string): readonly [string, ReactNode][] {
  const entries: [string, ReactNode][] = [
    ["Status", <JobStatusBadge key="status" job={job} />],
    ["Asked by", owner],
    ["Asked for", <Time key="created" value={job.created_at} />],
    ["Started", <Time key="started" value={job.started_at} />],
    ["Finished", <Time key="finished" value={job.finished_at} />],
    ["Duration", <Elapsed key="duration" from={job.started_at} to={job.finished_at} />],
    ["Run", `${job.attempt} of at most ${job.max_attempts}`],
    ["Worker", job.worker ?? MISSING],
    ["Id", <span key="id" className="font-mono text-xs">{job.id}</span>],
  ];
  if (job.retry_of !== null) entries.push(["Repeats", <span key="retry" className="font-mono text-xs">{job.retry_of}</span>]);
  return entries;
}

const LEVELS: Readonly<Record<JobLine["level"], { icon: typeof Info; label: string; className: string }>> = {
  info: { icon: Info, label: "Information", className: "text-muted" },
  warning: { icon: TriangleAlert, label: "Warning", className: "text-warn" },
  error: { icon: CircleX, label: "Error", className: "text-bad" },
};

function Log({ jobId }: { jobId: string }) {
  const logs = useInfiniteQuery(jobLogsQuery(jobId));
  const lines = logs.data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <section className="min-w-0">
      <h3 className="mb-1.5 text-sm font-medium">Log</h3>
      <QueryView query={logs} skeleton={<Skeleton className="h-32" />}>
        {() =>
          lines.length === 0 ? (
            <EmptyState icon={<ScrollText aria-hidden />} title="Nothing was logged yet" />
          ) : (
            <>
              <ol className="rounded-md border border-line text-xs">
                {lines.map((line, index) => (
                  <LogLine key={index} line={line} />
                ))}
              </ol>
              {logs.hasNextPage ? (
                <Button size="sm" className="mt-2" disabled={logs.isFetchingNextPage} onClick={() => void logs.fetchNextPage()}>
                  {logs.isFetchingNextPage ? "Loading…" : "Show more"}
                </Button>
              ) : null}
            </>
          )
        }
      </QueryView>
    </section>
  );
}

function LogLine({ line }: { line: JobLine }) {
  const { icon: Icon, label, className } = LEVELS[line.level];
  return (
    <li className="flex items-start gap-2 border-t border-line px-2.5 py-1.5 first:border-t-0">
      <Icon role="img" aria-label={label} className={cn("mt-0.5 size-3.5 shrink-0", className)} />
      <time dateTime={line.time} title={formatTimestamp(line.time)} className="tabular shrink-0 text-muted">
        {formatTime(line.time)}
      </time>
      <span className="min-w-0 font-mono break-words whitespace-pre-wrap">{line.message}</span>
    </li>
  );
}
