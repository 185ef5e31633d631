"""A run's claim to a job: taken, kept alive and given up, with a fencing token in every statement that writes."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from shared.auth.permissions import ROLE_PERMISSIONS, SCOPE_PERMISSIONS
from shared.database import Pool
from shared.jobs.store import STALE_SECONDS, find, to_json, to_text
from shared.jobs.types import JOB_TYPES, JobStatus, JobType

# Whoever asked for the job must still be allowed to, in a workspace that exists.
_MAY = """(
  $3::text[] is null
  or exists (
    select from workspace_members m join users u using (user_id) join workspaces w using (workspace_id)
    where m.workspace_id = j.workspace_id and m.user_id = j.owner_id and m.role = any($3::text[])
      and u.is_active and w.deleted_at is null
  )
  or exists (
    select from api_keys k join workspaces w using (workspace_id)
    where k.workspace_id = j.workspace_id and k.key_id = j.key_id and k.scopes && $4::text[]
      and k.revoked_at is null and (k.expires_at is null or k.expires_at > now()) and w.deleted_at is null
  )
)"""
_LOCK_TYPE = "select pg_advisory_xact_lock(hashtextextended($1, 0))"
_SELECT_CLAIMABLE = f"""
select j.type, j.service, j.status, j.attempt, j.max_attempts, j.cancel_requested_at, w.number, {_MAY} as allowed,
  j.status = 'queued' and j.run_after <= now()
    or j.status = 'running' and j.heartbeat_at < now() - make_interval(secs => $5) as free,
  (select count(*) from jobs o
   where o.workspace_id = j.workspace_id and o.type = j.type and o.status = 'running' and o.job_id <> j.job_id
     and o.heartbeat_at >= now() - make_interval(secs => $5)) as others
from jobs j join workspaces w using (workspace_id)
where j.workspace_id = $1 and j.job_id = $2
for update of j
"""  # noqa: S608
# The time of the transaction may be from before the lock, when the job before was still running.
_CLAIM = """
update jobs set status = 'running', fence = fence + 1, attempt = attempt + 1, worker = $3, heartbeat_at = now(),
  started_at = coalesce(started_at, clock_timestamp())
where workspace_id = $1 and job_id = $2
returning fence, attempt, owner_id, params::text as params, checkpoint::text as checkpoint
"""
_END_UNCLAIMED = """
update jobs set status = $3, error = $4, finished_at = now(), fence = fence + 1
where workspace_id = $1 and job_id = $2
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run's right to a job, as long as nobody claims it anew; ``fence`` is its token.

    ``taken_over`` says that the run before it left the job without a word.
    """

    job_id: UUID
    workspace_id: UUID
    workspace: int
    kind: JobType
    fence: int
    attempt: int
    max_attempts: int
    owner_id: UUID | None
    params: dict[str, Any]
    checkpoint: dict[str, Any]
    taken_over: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that was not claimed because it cannot run any more."""

    type: str
    status: JobStatus


async def claim(
    pool: Pool, workspace_id: UUID, job_id: UUID, *, service: str, worker: str, stale_seconds: float = STALE_SECONDS
) -> Claim | Ended | None:
    """Return the right to run a job, what it ended as instead, or None when there is nothing to do now.

    Nothing is to do when the job has ended, is under way elsewhere, is another workspace's or another service's, or
    when as many of its type run in the workspace as may.

    Args:
        pool: The metadata database.
        workspace_id: The workspace that the wake-up names; the job must be of it.
        job_id: The job.
        service: The service whose worker asks.
        worker: Name of the worker.
        stale_seconds: Age of a heartbeat from which on a run counts as dead.
    """
    async with pool.acquire() as connection, connection.transaction():
        first = await find(connection, workspace_id, job_id)
        if first is None or first.service != service or first.type not in JOB_TYPES:
            return None
        kind = JOB_TYPES[first.type]
        await connection.execute(_LOCK_TYPE, f"jobs:{workspace_id}:{kind.name}")
        row = await connection.fetchrow(_SELECT_CLAIMABLE, workspace_id, job_id, *_allowed(kind), stale_seconds)
        if row is None or not row["free"]:
            return None
        end: tuple[JobStatus, str | None] | None = None
        if row["cancel_requested_at"] is not None:
            end = ("cancelled", None)
        elif not row["allowed"]:
            end = ("cancelled", "whoever asked for the job may not have it done any more")
        elif row["attempt"] >= row["max_attempts"]:
            end = ("failed", f"the worker was lost {row['attempt']} times")
        if end is not None:
            await connection.execute(_END_UNCLAIMED, workspace_id, job_id, *end)
            return Ended(kind.name, end[0])
        if row["others"] >= kind.concurrency:
            return None
        taken: Any = await connection.fetchrow(_CLAIM, workspace_id, job_id, worker)
        return Claim(
            job_id=job_id,
            workspace_id=workspace_id,
            workspace=row["number"],
            kind=kind,
            fence=taken["fence"],
            attempt=taken["attempt"],
            max_attempts=row["max_attempts"],
            owner_id=taken["owner_id"],
            params=orjson.loads(taken["params"]),
            checkpoint=orjson.loads(taken["checkpoint"]),
            taken_over=row["status"] == "running",
        )


def _allowed(kind: JobType) -> tuple[list[str] | None, list[str] | None]:
    """Return the roles and the scopes of keys that may have a job of a type done; None when nobody is asked."""
    if kind.permission is None:
        return None, None
    return (
        [role for role, held in ROLE_PERMISSIONS.items() if kind.permission in held],
        [scope for scope, held in SCOPE_PERMISSIONS.items() if kind.permission in held],
    )


_HEARTBEAT = f"""
update jobs j set heartbeat_at = now()
where j.workspace_id = $1 and j.job_id = $2 and j.status = 'running' and j.fence = $5
returning j.cancel_requested_at is not null as cancelled, {_MAY} as allowed
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat finds: whether somebody cancelled the job, and whether its owner may still have it done."""

    cancelled: bool
    allowed: bool


async def heartbeat(pool: Pool, claim: Claim) -> Beat | None:
    """Say that a run is alive; None when it has been superseded."""
    row = await pool.fetchrow(_HEARTBEAT, claim.workspace_id, claim.job_id, *_allowed(claim.kind), claim.fence)
    return None if row is None else Beat(row["cancelled"], row["allowed"])


_HELD = "workspace_id = $1 and job_id = $2 and fence = $3 and status = 'running'"

_REPORT = f"update jobs set progress = $4, message = coalesce($5, message) where {_HELD} returning 1"  # noqa: S608
_SAVE = f"update jobs set checkpoint = $4::text::jsonb where {_HELD} returning 1"  # noqa: S608
_LOG = f"""
insert into job_logs (job_id, level, message)
select job_id, $4, $5 from jobs where {_HELD} returning 1
"""  # noqa: S608
_FINISH = f"""
update jobs set status = $4, result = $5::text::jsonb, error = $6, finished_at = now(),
  progress = case $4 when 'succeeded' then 1 else progress end
where {_HELD} returning 1
"""  # noqa: S608
_RELEASE = f"""
update jobs set status = 'queued', run_after = now() + make_interval(secs => $4), error = $5, woken_at = now(),
  worker = null, attempt = attempt - $6
where {_HELD} returning 1
"""  # noqa: S608


def _key(claim: Claim) -> tuple[UUID, UUID, int]:
    return claim.workspace_id, claim.job_id, claim.fence


async def report(pool: Pool, claim: Claim, progress: float, message: str | None) -> bool:
    """Write down how far a run is; False when it has been superseded, as for all writes of a run."""
    return await pool.fetchval(_REPORT, *_key(claim), progress, to_text(message)) is not None


async def save(pool: Pool, claim: Claim, checkpoint: dict[str, Any]) -> bool:
    """Keep the state from which another run would go on."""
    return await pool.fetchval(_SAVE, *_key(claim), to_json(checkpoint)) is not None


async def log(pool: Pool, claim: Claim, level: str, message: str) -> bool:
    """Add a line to the log of a job."""
    return await pool.fetchval(_LOG, *_key(claim), level, to_text(message)) is not None


async def finish(
    pool: Pool, claim: Claim, status: JobStatus, *, result: dict[str, Any] | None = None, error: str | None = None
) -> bool:
    """End a job."""
    text = None if result is None else to_json(result)
    return await pool.fetchval(_FINISH, *_key(claim), status, text, to_text(error)) is not None


async def release(pool: Pool, claim: Claim, *, after_seconds: float, error: str | None, counted: bool) -> bool:
    """Give a job back for another run.

    Args:
        pool: The metadata database.
        claim: The run that ends.
        after_seconds: How long to wait before it.
        error: Why.
        counted: Whether this run counts as an attempt.
    """
    arguments = (*_key(claim), after_seconds, to_text(error), 0 if counted else 1)
    return await pool.fetchval(_RELEASE, *arguments) is not None
