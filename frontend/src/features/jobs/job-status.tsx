import { Ban, CircleCheck, CircleX, Clock, LoaderCircle } from "lucide-react";
import type { JobView } from "@/api/schema";
import { Badge, type Tone } from "@/components/ui/badge";
import type { JobStatus } from "@/features/jobs/describe";
import { cn } from "@/lib/cn";
import { formatShare } from "@/lib/format";

export const STATUS_LOOKS: Readonly<Record<JobStatus, { label: string; tone: Tone; icon: typeof Clock }>> = {
  queued: { label: "Waiting", tone: "neutral", icon: Clock },
  running: { label: "Running", tone: "accent", icon: LoaderCircle },
  succeeded: { label: "Done", tone: "good", icon: CircleCheck },
  failed: { label: "Failed", tone: "bad", icon: CircleX },
  cancelled: { label: "Cancelled", tone: "warn", icon: Ban },
};

export function JobStatusBadge({ job }: { job: Pick<JobView, "status" | "cancel_requested_at"> }) {
  const { label, tone, icon: Icon } = STATUS_LOOKS[job.status];
  const isEnding = job.status === "running" && job.cancel_requested_at !== null;
  return (
    <Badge tone={isEnding ? "warn" : tone}>
      <Icon aria-hidden className={cn(job.status === "running" && "motion-safe:animate-spin")} />
      {isEnding ? "Cancelling" : label}
    </Badge>
  );
}

/** How far something is; `value` goes from 0 to 1. */
export function Progress({ value, label }: { value: number; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div className="flex items-center gap-2">
      <div
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        className="h-1.5 min-w-16 flex-1 overflow-hidden rounded-full bg-raised"
      >
        <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${percent}%` }} />
      </div>
      <span className="tabular w-10 text-right text-xs text-muted">{formatShare(percent / 100)}</span>
    </div>
  );
}
