"""Jobs as people see them: lists, logs, and the workers that run them."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.database import Pool
from shared.jobs.store import COLUMNS, Job

_LIST = f"""
select {COLUMNS} from jobs j
where j.workspace_id = $1 and ($2::text[] is null or j.status = any($2::text[])) and ($3::text is null or j.type = $3)
  and ($4 or j.owner_id = $5 or j.key_id = $6)
  and ($7::timestamptz is null or (j.created_at, j.job_id) < ($7, $8))
order by j.created_at desc, j.job_id desc
limit $9
"""  # noqa: S608


async def list_page(
    pool: Pool,
    workspace_id: uuid.UUID,
    *,
    statuses: Sequence[str] | None = None,
    kind: str | None = None,
    everybody: bool,
    user_id: uuid.UUID | None = None,
    key_id: uuid.UUID | None = None,
    before: tuple[datetime, uuid.UUID] | None = None,
    limit: int,
) -> list[Job]:
    """Return jobs of a workspace, the newest first, those of everybody or of one user or key."""
    time, job_id = before or (None, None)
    wanted = None if statuses is None else list(statuses)
    rows = await pool.fetch(_LIST, workspace_id, wanted, kind, everybody, user_id, key_id, time, job_id, limit)
    return [Job.of(row) for row in rows]


_FIND = f"""
select {COLUMNS} from jobs j
where j.workspace_id = $1 and j.job_id = $2 and ($3 or j.owner_id = $4 or j.key_id = $5)
"""  # noqa: S608


async def find(
    pool: Pool,
    workspace_id: uuid.UUID,
    job_id: uuid.UUID,
    *,
    everybody: bool,
    user_id: uuid.UUID | None = None,
    key_id: uuid.UUID | None = None,
) -> Job | None:
    """Return a job of a workspace; None where it is somebody else's and ``everybody`` is not asked for."""
    row = await pool.fetchrow(_FIND, workspace_id, job_id, everybody, user_id, key_id)
    return None if row is None else Job.of(row)


_LOGS = """
select l.job_log_id, l.logged_at, l.level, l.message
from job_logs l join jobs j using (job_id)
where j.workspace_id = $1 and l.job_id = $2 and l.job_log_id > $3
order by l.job_log_id
limit $4
"""


async def list_logs(pool: Pool, workspace_id: uuid.UUID, job_id: uuid.UUID, after: int, limit: int) -> list[Any]:
    """Return lines of a job's log in their order, from the one after ``after`` on."""
    rows: list[Any] = await pool.fetch(_LOGS, workspace_id, job_id, after, limit)
    return rows


# Workers belong to the platform and run the jobs of all workspaces; of these, only how many.
_WORKERS = """
select worker, service, slots, busy, started_at, seen_at, seen_at > now() - interval '20 seconds' as alive
from job_workers
order by service, started_at
"""


async def list_workers(pool: Pool) -> list[Any]:
    """Return the workers that were seen within the hour."""
    rows: list[Any] = await pool.fetch(_WORKERS)
    return rows


_COUNTS = """
select type, status, count(*) as number,
  extract(epoch from now() - min(created_at) filter (where status = 'queued'))::float8 as oldest_waiting_seconds
from jobs where workspace_id = $1
group by type, status
"""
_HOURS = """
select hour, type, created, succeeded, failed, cancelled, waiting_seconds_max, running_seconds_max
from job_statistics
where workspace_id = $1 and hour >= now() - interval '24 hours'
order by hour, type
"""


async def count(pool: Pool, workspace_id: uuid.UUID) -> tuple[list[Any], list[Any]]:
    """Return how many jobs there are by type and status, and what became of those of each hour of a day."""
    return await pool.fetch(_COUNTS, workspace_id), await pool.fetch(_HOURS, workspace_id)
