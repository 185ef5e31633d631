"""Rollups of stored data, filled by the statements that feed and fold them, but a stretch of time at once."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from shared.database import Connection
from shared.rollups.queries import TraceWindow, bucket_of, contribute, expire, fold
from shared.rollups.spec import BASE_DAYS, SPANS, Level

_FOLDED_AT_ONCE = 2_000_000
_FOLD_POLL_SECONDS = 0.05

# Tables of the session come before those of the schema, so that deltas are collected without a log or an index.
_SHADOWS = "".join(
    f"create temp table if not exists rollup_deltas_{name} (like public.rollup_deltas_{name});"
    for name in ("traces", "spans", "errors")
)
_DIMENSIONS = ", ".join(SPANS.dimensions)
_KEY = f"workspace_id, bucket, {_DIMENSIONS}"
# Only hours and longer buckets are kept of old days, and there are far fewer deltas when their times are cut to hours.
_COARSEN = f"""
with taken as (
  delete from {SPANS.deltas} returning *
), cut as (
  select {bucket_of("bucket", Level.HOUR)} as hour, * from taken
), sums as (
  select workspace_id, hour as bucket, {_DIMENSIONS}, {", ".join(f"sum({name})::int8" for name in SPANS.measures)}
  from cut group by workspace_id, hour, {_DIMENSIONS}
), bins as (
  select workspace_id, hour as bucket, {_DIMENSIONS}, hist_bin(item) as bin, sum(hist_count(item))::int8 as count
  from cut, unnest(hist) item group by workspace_id, hour, {_DIMENSIONS}, bin
), hists as (
  select {_KEY}, array_agg((bin << 40) + count order by bin) as hist from bins group by {_KEY}
)
insert into {SPANS.deltas} ({_KEY}, {", ".join(SPANS.measures)}, hist)
select sums.*, coalesce(hists.hist, '{{}}') from sums left join hists using ({_KEY})
"""  # noqa: S608


def needs_finest(last: datetime, end: datetime) -> bool:
    """Return whether the finest buckets are kept of traces up to ``last``, when the data end at ``end``."""
    return last > end - timedelta(days=BASE_DAYS + 2)


async def add_totals(connection: Connection, traces: Iterable[TraceWindow], *, finest: bool) -> None:
    """Add stored traces to the rollups.

    Args:
        connection: Connection to the traces database, outside a transaction.
        traces: Each trace once, with the times between which its spans start.
        finest: Whether the shortest buckets are wanted as well; without it they are left wrong, for ``expire_finest``.
    """
    await connection.execute(_SHADOWS)
    async with connection.transaction():
        await contribute(connection, traces, 1)
        if not finest:
            await connection.execute(_COARSEN)
    while (folded := await fold(connection, _FOLDED_AT_ONCE)) != 0:
        if folded is None:
            await asyncio.sleep(_FOLD_POLL_SECONDS)


async def expire_finest(connection: Connection, workspaces: Iterable[int], end: datetime) -> None:
    """Remove the buckets that the upkeep of the platform would have removed by the end of the data."""
    await expire(connection, list(workspaces), days=396, now=end.astimezone(UTC))
