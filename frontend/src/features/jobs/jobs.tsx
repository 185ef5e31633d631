"use client";

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Ban, Download, RotateCcw, Wrench } from "lucide-react";
import dynamic from "next/dynamic";
import { parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { apiKeysQuery, membersQuery, useMay, useMe } from "@/api/account";
import { jobsQuery, useCancelJob, useRetryJob } from "@/api/operations";
import type { JobView } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { type Column, DataTable } from "@/components/data-table";
import { MoreRows } from "@/components/more-rows";
import { EmptyState, NothingFound, QueryView } from "@/components/states/states";
import { Ago, Elapsed } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/table-skeleton";
import { ExportDialog } from "@/features/exports/export-dialog";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { hasEnded, JOB_STATUSES, JOB_TYPE_NAMES, JOB_TYPES, jobSummary, jobTypeLabel, mayCancel, mayRetry, ownerOf } from "@/features/jobs/describe";
import { JobStatusBadge, Progress, STATUS_LOOKS } from "@/features/jobs/job-status";
import { cn } from "@/lib/cn";
import { MISSING } from "@/lib/format";

const JobSheet = dynamic(() => import("@/features/jobs/job-sheet").then((module) => module.JobSheet), { ssr: false });

const ANY = "any";
const FILTERS = { status: parseAsStringLiteral(JOB_STATUSES), type: parseAsStringLiteral(JOB_TYPE_NAMES), job: parseAsString };

export function Jobs() {
  const [{ status, type, job }, setState] = useQueryStates(FILTERS, { history: "push" });
  const mayWrite = useMay("write");
  const jobs = useInfiniteQuery(jobsQuery({ ...(status ? { status } : {}), ...(type ? { type } : {}) }));
  const rows = jobs.data?.pages.flatMap((page) => page.data) ?? [];
  const nameOwner = useOwners();
  const isRefused = jobs.isError && jobs.data === undefined;
  return (
    <>
      <PageHeader title="Jobs" actions={mayWrite ? <ExportDialog scope={{ range: "24h" }} /> : null} />
      <PageBody>
        <Card
          title="Jobs and exports"
          aside={
            isRefused ? null : <div className="flex flex-wrap items-center gap-2">
              <Select
                label="Status"
                value={status ?? ANY}
                options={[{ value: ANY, label: "Any status" }, ...JOB_STATUSES.map((value) => ({ value: value as string, label: STATUS_LOOKS[value].label }))]}
                onChange={(value) => void setState({ status: JOB_STATUSES.find((name) => name === value) ?? null })}
              />
              <Select
                label="Type"
                value={type ?? ANY}
                options={[{ value: ANY, label: "Any type" }, ...JOB_TYPE_NAMES.map((value) => ({ value: value as string, label: JOB_TYPES[value].label }))]}
                onChange={(value) => void setState({ type: JOB_TYPE_NAMES.find((name) => name === value) ?? null })}
              />
            </div>
          }
        >
          <QueryView query={jobs} skeleton={<TableSkeleton rows={8} />}>
            {() =>
              rows.length > 0 ? (
                <>
                  <DataTable
                    label="Jobs"
                    name="jobs"
                    columns={columnsOf(nameOwner, (row) => void setState({ job: row.id }))}
                    rows={rows}
                    keyOf={(row) => row.id}
                    initialSort={{ key: "created", isDescending: true }}
                    most={rows.length}
                  />
                  <MoreRows query={jobs} />
                </>
              ) : status !== null || type !== null ? (
                <NothingFound onClear={() => void setState({ status: null, type: null })}>No job fits the filters.</NothingFound>
              ) : (
                <EmptyState icon={<Wrench aria-hidden />} title="No jobs yet">
                  Exports, replays and other work that goes on in the background are followed here.
                </EmptyState>
              )
            }
          </QueryView>
        </Card>
      </PageBody>
      {job === null ? null : <JobSheet jobId={job} nameOwner={nameOwner} onClose={() => void setState({ job: null })} />}
    </>
  );
}

/** What names who asked for a job. */
function useOwners(): (job: JobView) => string {
  const me = useMe();
  const permissions = me?.permissions ?? [];
  const members = useQuery({ ...membersQuery(), enabled: permissions.includes("admin") });
  const keys = useQuery({ ...apiKeysQuery(), enabled: permissions.includes("keys") });
  return (job) => ownerOf(job, me?.id, members.data, keys.data);
}

function columnsOf(ownerName: (job: JobView) => string, onOpen: (job: JobView) => void): readonly Column<JobView>[] {
  return [
    {
      key: "type",
      label: "Type",
      value: (job) => jobTypeLabel(job.type),
      cell: (job) => (
        <button type="button" onClick={() => onOpen(job)} className="font-medium hover:underline">
          {jobTypeLabel(job.type)}
        </button>
      ),
    },
    { key: "status", label: "Status", value: (job) => job.status, cell: (job) => <JobStatusBadge job={job} /> },
    { key: "result", label: "Progress and result", value: jobSummary, cell: (job) => <Outcome job={job} /> },
    { key: "owner", label: "Asked by", value: ownerName },
    { key: "created", label: "Asked", value: (job) => job.created_at, cell: (job) => <Ago value={job.created_at} /> },
    { key: "started", label: "Started", value: (job) => job.started_at, cell: (job) => <Ago value={job.started_at} /> },
    { key: "duration", label: "Duration", align: "right", value: durationOf, cell: (job) => <Elapsed from={job.started_at} to={job.finished_at} /> },
    {
      key: "actions",
      label: "Actions",
      align: "right",
      isActions: true,
      value: () => null,
      cell: (job) => (
        <>
          {job.type === "export" && job.status === "succeeded" ? (
            <Button variant="ghost" size="icon-sm" aria-label="Get the file of the export" onClick={() => onOpen(job)}>
              <Download aria-hidden />
            </Button>
          ) : null}
          <JobActions job={job} />
        </>
      ),
    },
  ];
}

/** How long a job took, in milliseconds; null while it has not ended. */
function durationOf({ started_at: from, finished_at: to }: JobView): number | null {
  return from === null || to === null ? null : Date.parse(to) - Date.parse(from);
}

function Outcome({ job }: { job: JobView }) {
  const summary = jobSummary(job);
  return (
    <span className="flex max-w-96 min-w-64 items-center gap-3">
      {hasEnded(job) ? null : (
        <span className="w-40 shrink-0">
          <Progress value={job.progress} label={`Progress of ${jobTypeLabel(job.type)}`} />
        </span>
      )}
      <span className={cn("min-w-0 truncate", job.error === null ? "text-muted" : "text-bad")} title={summary ?? undefined}>
        {summary ?? (hasEnded(job) ? MISSING : null)}
      </span>
    </span>
  );
}

/** What the caller may do with a job as it stands. */
function JobActions({ job }: { job: JobView }) {
  const permissions = useMe()?.permissions ?? [];
  const cancel = useCancelJob();
  const retry = useRetryJob();
  const label = jobTypeLabel(job.type);
  return (
    <>
      {mayCancel(job) ? (
        <ConfirmDialog
          title={`Cancel ${label.toLowerCase()}?`}
          description="One that waits ends at once, one that runs within a few seconds. What it has done so far stays done."
          action="Cancel the job"
          change={cancel}
          onConfirm={(close) => cancel.mutate(job.id, { onSuccess: close })}
          trigger={
            <Button variant="ghost" size="icon-sm" aria-label={`Cancel ${label}`}>
              <Ban aria-hidden />
            </Button>
          }
        />
      ) : null}
      {mayRetry(job, permissions) ? (
        <ConfirmDialog
          title={`Run ${label.toLowerCase()} again?`}
          description="A new job with the same parameters begins, and belongs to you."
          action="Run again"
          tone="primary"
          change={retry}
          onConfirm={(close) => retry.mutate(job.id, { onSuccess: close })}
          trigger={
            <Button variant="ghost" size="icon-sm" aria-label={`Run ${label} again`}>
              <RotateCcw aria-hidden />
            </Button>
          }
        />
      ) : null}
    </>
  );
}
