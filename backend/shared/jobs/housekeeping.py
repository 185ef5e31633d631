"""What recurs whichever service a worker belongs to: old jobs go, and each hour is counted."""

from datetime import datetime, timedelta

from shared.database import Pool
from shared.jobs import upkeep
from shared.jobs.periodic import Periodic, Slot

# A finished job stays readable for this long.
KEPT_DAYS = 30
STATISTICS_DAYS = 396
_ROWS_AT_ONCE = 1_000

_DELETE_OLD = """
delete from jobs where job_id in (
  select job_id from jobs
  where finished_at < now() - make_interval(days => $1) and ($2::uuid is null or workspace_id = $2)
  order by finished_at limit $3
)
returning 1
"""
_DELETE_STATISTICS = "delete from job_statistics where hour < now() - make_interval(days => $1)"

# The hour before the slot and the one before that, whose last jobs may have ended since.
_COUNT_HOURS = """
insert into job_statistics as s (workspace_id, hour, type, created, succeeded, failed, cancelled,
  waiting_seconds_max, running_seconds_max)
select workspace_id, hour, type,
  count(*) filter (where what = 'created'),
  count(*) filter (where what = 'succeeded'),
  count(*) filter (where what = 'failed'),
  count(*) filter (where what = 'cancelled'),
  max(extract(epoch from coalesce(started_at, now()) - created_at)) filter (where what = 'created'),
  max(extract(epoch from finished_at - started_at)) filter (where what <> 'created')
from (
  select workspace_id, type, date_trunc('hour', created_at) as hour, 'created' as what,
    created_at, started_at, finished_at
  from jobs where created_at >= $1 and created_at < $2
  union all
  select workspace_id, type, date_trunc('hour', finished_at), status, created_at, started_at, finished_at
  from jobs where finished_at >= $1 and finished_at < $2
) counted
group by workspace_id, hour, type
on conflict (workspace_id, hour, type) do update set created = excluded.created, succeeded = excluded.succeeded,
  failed = excluded.failed, cancelled = excluded.cancelled, waiting_seconds_max = excluded.waiting_seconds_max,
  running_seconds_max = excluded.running_seconds_max
"""


async def delete_old(pool: Pool, workspace_id: object = None, days: int = KEPT_DAYS) -> int:
    """Remove jobs that ended long ago, with their logs, and return how many.

    Args:
        pool: The metadata database.
        workspace_id: The only workspace to look at; all when absent.
        days: How long jobs are kept after their end.
    """
    removed = 0
    while True:
        rows = await pool.fetch(_DELETE_OLD, days, workspace_id, _ROWS_AT_ONCE)
        removed += len(rows)
        if len(rows) < _ROWS_AT_ONCE:
            return removed


async def count_hours(pool: Pool, slot: Slot | None, until: datetime) -> None:
    """Write down, by workspace and type, what became of jobs in the two hours before a full hour."""
    async with pool.acquire() as connection, connection.transaction():
        if slot is not None:
            await slot.hold(connection)
        await connection.execute(_COUNT_HOURS, until - timedelta(hours=2), until)


async def _clean(slot: Slot) -> None:
    await delete_old(slot.metadata)
    await slot.metadata.execute(_DELETE_STATISTICS, STATISTICS_DAYS)
    await upkeep.forget_workers(slot.metadata)


async def _count(slot: Slot) -> None:
    await count_hours(slot.metadata, slot, slot.start)


COMMON = (Periodic("jobs.cleanup", 3600.0, _clean), Periodic("jobs.statistics", 3600.0, _count))
