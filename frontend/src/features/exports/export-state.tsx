"use client";

import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { exportQuery } from "@/api/operations";
import { QueryView } from "@/components/states/states";
import { Time } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { downloadPath, fileSummary } from "@/features/exports/download";
import { hasEnded } from "@/features/jobs/describe";
import { JobStatusBadge, Progress } from "@/features/jobs/job-status";

/** How often an export is looked at until it has ended: whoever waits for a file looks at the bar. */
const LOOK_MS = 1_000;

/** How far an export is, and its file once there is one. */
export function ExportState({ exportId }: { exportId: string }) {
  const state = useQuery({
    ...exportQuery(exportId),
    refetchInterval: (query) => (query.state.data !== undefined && hasEnded(query.state.data) ? false : LOOK_MS),
  });
  return (
    <QueryView query={state} skeleton={<Skeleton className="h-16" />}>
      {(data) => {
        const path = downloadPath(data);
        return (
          <div className="grid gap-3 rounded-md border border-line p-3">
            <div role="status" className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
              <JobStatusBadge job={{ status: data.status, cancel_requested_at: null }} />
              <span className="text-muted">
                {data.rows === null ? (data.message ?? data.format) : fileSummary(data)}
              </span>
            </div>
            {hasEnded(data) ? null : <Progress value={data.progress} label="Progress of the export" />}
            {data.error === null ? null : <p className="text-sm text-bad">{data.error}</p>}
            {path !== null ? (
              <div className="flex flex-wrap items-center gap-3">
                <Button variant="primary" asChild>
                  <a href={path} download>
                    <Download aria-hidden />
                    Download
                  </a>
                </Button>
                {data.expires_at === null ? null : (
                  <span className="text-xs text-muted">
                    Kept until <Time value={data.expires_at} />
                  </span>
                )}
              </div>
            ) : data.status === "succeeded" ? (
              <p className="text-sm text-muted">The file has been removed.</p>
            ) : null}
          </div>
        );
      }}
    </QueryView>
  );
}
