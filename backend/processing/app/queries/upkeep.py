"""Regular maintenance of the traces database."""

from datetime import UTC, datetime, timedelta

from db.maintenance import (
    drop_expired,
    ensure_partitions,
    fold_ingest_stats,
    read_retention,
    read_rollup_retention,
)
from shared.database import Pool
from shared.rollups.queries import expire

_DAYS_AHEAD = 3
_LOCK_KEY = 0x6D61696E

_TRY_LOCK = "select pg_try_advisory_lock($1)"
_UNLOCK = "select pg_advisory_unlock($1)"


async def maintain(traces: Pool, metadata: Pool, retention_days: int) -> bool:
    """Make partitions ahead, remove what has expired, fold counters; False when another process is at it.

    Args:
        traces: Pool of the traces database.
        metadata: Pool of the metadata database.
        retention_days: Days that raw data are kept where a workspace says nothing.
    """
    async with metadata.acquire() as connection:
        by_workspace = await read_retention(connection)
        rollup_days = await read_rollup_retention(connection)
    async with traces.acquire() as connection:
        if not await connection.fetchval(_TRY_LOCK, _LOCK_KEY):
            return False
        try:
            today = datetime.now(UTC).date()
            await ensure_partitions(connection, [today + timedelta(days=day) for day in range(_DAYS_AHEAD + 1)])
            await fold_ingest_stats(connection)
            await drop_expired(connection, retention_days, by_workspace)
            for days, workspaces in rollup_days.items():
                await expire(connection, workspaces, days)
        finally:
            # A connection that broke has lost its lock already.
            if not connection.is_closed():
                await connection.fetchval(_UNLOCK, _LOCK_KEY)
    return True
