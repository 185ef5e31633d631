"""Looking after the jobs of all workspaces: which need a wake-up, and which workers are there."""

from collections.abc import Sequence
from uuid import UUID

from shared.database import Pool
from shared.jobs.store import STALE_SECONDS

# Jobs of all workspaces: due ones whose wake-up is spent, and runs whose worker has gone.
_WAKE_DUE = """
update jobs set woken_at = now()
where job_id in (
  select j.job_id from jobs j
  where j.service = $1 and (
    j.status = 'queued' and j.run_after <= now()
      and (j.woken_at < j.run_after or j.woken_at < now() - make_interval(secs => $2))
    or j.status = 'running' and greatest(j.heartbeat_at, j.woken_at) < now() - make_interval(secs => $3)
  )
  order by j.run_after, j.job_id
  limit $4
  for update skip locked
)
returning workspace_id, job_id
"""


async def take_forgotten(
    pool: Pool, service: str, *, forgotten_seconds: float, stale_seconds: float = STALE_SECONDS, limit: int = 100
) -> Sequence[tuple[UUID, UUID]]:
    """Return jobs, each after its workspace, that need a wake-up: due ones, forgotten ones, and those left behind.

    Args:
        pool: The metadata database.
        service: The service whose jobs to look at.
        forgotten_seconds: Age from which on the wake-up of a job that still waits counts as lost.
        stale_seconds: Age of a heartbeat from which on a run counts as dead.
        limit: Most jobs at a time.
    """
    rows = await pool.fetch(_WAKE_DUE, service, forgotten_seconds, stale_seconds, limit)
    return [(row["workspace_id"], row["job_id"]) for row in rows]


# The oldest of each kind in each workspace, so that a workspace with many does not keep the others out.
_WAKE_NEXT = """
update jobs set woken_at = now()
where job_id in (
  select job_id from (
    select distinct on (j.workspace_id, j.type) j.job_id, j.run_after from jobs j
    where j.service = $1 and j.status = 'queued' and j.run_after <= now()
    order by j.workspace_id, j.type, j.run_after, j.job_id
  ) oldest
  order by run_after, job_id
  limit $2
)
returning workspace_id, job_id
"""


async def take_next(pool: Pool, service: str, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Return jobs, each after its workspace, that may begin now that another has ended."""
    rows = await pool.fetch(_WAKE_NEXT, service, limit)
    return [(row["workspace_id"], row["job_id"]) for row in rows]


_PRESENT = """
insert into job_workers (worker, service, slots, busy) values ($1, $2, $3, $4)
on conflict (worker) do update set busy = excluded.busy, seen_at = now()
"""
_LEAVE = "delete from job_workers where worker = $1"
_FORGET_WORKERS = "delete from job_workers where seen_at < now() - interval '1 hour'"


async def show_worker(pool: Pool, worker: str, service: str, slots: int, busy: int) -> None:
    """Say that a worker is there, and how many of its slots are busy."""
    await pool.execute(_PRESENT, worker, service, slots, busy)


async def remove_worker(pool: Pool, worker: str) -> None:
    """Say that a worker has ended."""
    await pool.execute(_LEAVE, worker)


async def forget_workers(pool: Pool) -> None:
    """Remove workers that ended without a word."""
    await pool.execute(_FORGET_WORKERS)
