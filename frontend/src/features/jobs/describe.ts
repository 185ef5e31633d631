import type { JobView, KeyView, MemberView } from "@/api/schema";
import { fileSummary } from "@/features/exports/download";
import { formatExact, shortId } from "@/lib/format";

export type JobStatus = JobView["status"];

export const JOB_STATUSES: readonly JobStatus[] = ["queued", "running", "succeeded", "failed", "cancelled"];

/** Types of jobs that people may ask for, and what repeating one requires. */
export const JOB_TYPES = {
  export: { label: "Export", permission: "write" },
  reprice: { label: "Recompute costs", permission: "write" },
  replay: { label: "Replay dead letters", permission: "admin" },
  cleanup: { label: "Clean up", permission: "admin" },
  reindex: { label: "Rebuild search index", permission: "admin" },
} as const;
export type JobType = keyof typeof JOB_TYPES;
export const JOB_TYPE_NAMES = Object.keys(JOB_TYPES) as JobType[];

export function jobTypeOf(name: string): JobType | null {
  return JOB_TYPE_NAMES.find((type) => type === name) ?? null;
}

export function jobTypeLabel(name: string): string {
  const type = jobTypeOf(name);
  return type === null ? name.replaceAll("_", " ") : JOB_TYPES[type].label;
}

export function hasEnded(job: Pick<JobView, "status">): boolean {
  return job.status === "succeeded" || job.status === "failed" || job.status === "cancelled";
}

/** Whether a job may be asked to end; once asked is enough. */
export function mayCancel(job: JobView): boolean {
  return !hasEnded(job) && job.cancel_requested_at === null;
}

export function mayRetry(job: JobView, permissions: readonly string[]): boolean {
  const type = jobTypeOf(job.type);
  return type !== null && hasEnded(job) && permissions.includes(JOB_TYPES[type].permission);
}

/** What there is to say of a job: why it failed, what came of it, or what it is doing. */
export function jobSummary({ type, status, error, message, result }: Pick<JobView, "type" | "status" | "error" | "message" | "result">): string | null {
  if (error !== null) return error;
  // The message of a job that has ended is of its last step.
  if (!hasEnded({ status })) return message;
  if (result === null) return null;
  if (type === "export") return fileSummary({ rows: numberOf(result.rows), bytes: numberOf(result.bytes), format: String(result.format) });
  const numbers = Object.entries(result).filter(([, value]) => typeof value === "number");
  return numbers.length === 0 ? null : numbers.map(([name, value]) => `${formatExact(numberOf(value))} ${name.replaceAll("_", " ")}`).join(", ");
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** Who asked for a job, as far as the caller may know. */
export function ownerOf(
  job: Pick<JobView, "owner_id" | "key_id">,
  callerId: string | undefined,
  members: readonly MemberView[] | undefined,
  keys: readonly KeyView[] | undefined,
): string {
  const { owner_id: owner, key_id: key } = job;
  if (owner !== null) return owner === callerId ? "You" : (members?.find(({ id }) => id === owner)?.full_name ?? `User ${shortId(owner)}`);
  if (key !== null) return `Key ${keys?.find(({ id }) => id === key)?.name ?? shortId(key)}`;
  return "Platform";
}
