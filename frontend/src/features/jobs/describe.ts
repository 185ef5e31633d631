import type { JobView, KeyView, MemberView } from "@/api/schema";
import { shortId } from "@/lib/format";

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
