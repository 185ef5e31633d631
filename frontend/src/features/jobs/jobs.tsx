"use client";

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Ban, Download, RotateCcw, Wrench } from "lucide-react";
import { parseAsString, parseAsStringLiteral, useQueryStates } from "nuqs";
import { apiKeysQuery, membersQuery, meQuery, useMay } from "@/api/account";
import { jobsQuery, useCancelJob, useRetryJob } from "@/api/operations";
import type { JobView } from "@/api/schema";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { EmptyState, NothingFound, QueryView } from "@/components/states/states";
import { Ago, Elapsed } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Select } from "@/components/ui/select";
import { Cell, HeadCell, Row, Table, TableSkeleton } from "@/components/ui/table";
import { ExportDialog } from "@/features/exports/export-dialog";
import { PageBody, PageHeader } from "@/features/frame/page-header";
import { hasEnded, JOB_STATUSES, JOB_TYPE_NAMES, JOB_TYPES, jobSummary, jobTypeLabel, mayCancel, mayRetry, ownerOf } from "@/features/jobs/describe";
import { JobSheet } from "@/features/jobs/job-sheet";
import { JobStatusBadge, Progress, STATUS_LOOKS } from "@/features/jobs/job-status";
import { cn } from "@/lib/cn";
import { MISSING } from "@/lib/format";

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
                  <Table label="Jobs">
                    <thead>
                      <tr>
                        <HeadCell>Type</HeadCell>
                        <HeadCell>Status</HeadCell>
                        <HeadCell>Progress and result</HeadCell>
                        <HeadCell>Asked by</HeadCell>
                        <HeadCell>Started</HeadCell>
                        <HeadCell className="text-right">Duration</HeadCell>
                        <HeadCell>
                          <span className="sr-only">Actions</span>
                        </HeadCell>
                      </tr>
                    </thead>
                    <tbody>
                      {rows.map((row) => (
                        <JobRow key={row.id} job={row} owner={nameOwner(row)} onOpen={() => void setState({ job: row.id })} />
                      ))}
                    </tbody>
                  </Table>
                  {jobs.hasNextPage ? (
                    <Button className="mt-3" disabled={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
                      {jobs.isFetchingNextPage ? "Loading…" : "Show more"}
                    </Button>
                  ) : null}
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
  const me = useQuery(meQuery());
  const permissions = me.data?.permissions ?? [];
  const members = useQuery({ ...membersQuery(), enabled: permissions.includes("admin") });
  const keys = useQuery({ ...apiKeysQuery(), enabled: permissions.includes("keys") });
  return (job) => ownerOf(job, me.data?.id, members.data, keys.data);
}

function JobRow({ job, owner, onOpen }: { job: JobView; owner: string; onOpen: () => void }) {
  const label = jobTypeLabel(job.type);
  const summary = jobSummary(job);
  return (
    <Row>
      <Cell>
        <button type="button" onClick={onOpen} className="font-medium hover:underline">
          {label}
        </button>
      </Cell>
      <Cell>
        <JobStatusBadge job={job} />
      </Cell>
      <Cell className="max-w-0 min-w-64 xl:w-1/2">
        <div className="flex items-center gap-3">
          {hasEnded(job) ? null : (
            <div className="w-40 shrink-0">
              <Progress value={job.progress} label={`Progress of ${label}`} />
            </div>
          )}
          <span className={cn("min-w-0 truncate", job.error === null ? "text-muted" : "text-bad")} title={summary ?? undefined}>
            {summary ?? (hasEnded(job) ? MISSING : null)}
          </span>
        </div>
      </Cell>
      <Cell className="text-muted">{owner}</Cell>
      <Cell className="text-muted">
        <Ago value={job.started_at} />
      </Cell>
      <Cell className="text-right text-muted">
        <Elapsed from={job.started_at} to={job.finished_at} />
      </Cell>
      <Cell className="text-right">
        {job.type === "export" && job.status === "succeeded" ? (
          <Button variant="ghost" size="icon-sm" aria-label="Get the file of the export" onClick={onOpen}>
            <Download aria-hidden />
          </Button>
        ) : null}
        <JobActions job={job} />
      </Cell>
    </Row>
  );
}

/** What the caller may do with a job as it stands. */
function JobActions({ job }: { job: JobView }) {
  const permissions = useQuery(meQuery()).data?.permissions ?? [];
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
