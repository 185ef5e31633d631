"""How ingestion fares: counters of a workspace over a range of time."""

from typing import Any

import orjson

from processing.app.models import ClientReported, IngestionHealth, KeyCounts, LagSeconds, ReasonCount
from shared.database import Connection, Pool
from shared.http.ranges import TimeRange

_SELECT_KEYS = """
select key_id, sum(received)::int8 as received_spans, sum(stored)::int8 as stored_spans,
       sum(duplicate)::int8 as duplicate_spans, sum(rejected)::int8 as rejected_spans,
       sum(dead_lettered)::int8 as dead_lettered_spans
from ingest_stats
where workspace_id = $1 and bucket >= $2 and bucket < $3
group by key_id
order by 2 desc, 1
"""
_SELECT_REASONS = """
select reason.key as reason, sum(reason.value::int8)::int8 as count
from ingest_stats, jsonb_each_text(reasons) as reason
where workspace_id = $1 and bucket >= $2 and bucket < $3
group by 1
having sum(reason.value::int8) > 0
order by 2 desc, 1
"""
_SELECT_LAGS = """
select percentile_cont(0.5) within group (order by lag) / 1e6 as p50,
       percentile_cont(0.95) within group (order by lag) / 1e6 as p95
from ingest_stats, unnest(lag_us) as lag
where workspace_id = $1 and bucket >= $2 and bucket < $3
"""
_SELECT_REPORTED = """
select coalesce(sum(created), 0)::int8 as created, coalesce(sum(delivered), 0)::int8 as delivered,
       coalesce(sum(sampled), 0)::int8 as sampled
from client_reports
where workspace_id = $1 and reported_at >= $2 and reported_at < $3
"""
_SELECT_DROPPED = """
select jsonb_object_agg(reason, items)::text
from (
  select drop.key as reason, sum(drop.value::int8) as items
  from client_reports, jsonb_each_text(dropped) as drop
  where workspace_id = $1 and reported_at >= $2 and reported_at < $3
  group by 1
) as sums
"""


async def read_health(pool: Pool, workspace: int, asked: TimeRange) -> IngestionHealth:
    """Return the counters of a workspace, by time of arrival; what waits in the queue is left at 0."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return await _read_health(connection, workspace, asked)


async def _read_health(connection: Connection, workspace: int, asked: TimeRange) -> IngestionHealth:
    arguments = (workspace, asked.start, asked.end)
    keys = [
        KeyCounts(**{**dict(row), "key_id": None if row["key_id"] is None else str(row["key_id"])})
        for row in await connection.fetch(_SELECT_KEYS, *arguments)
    ]
    reasons = [ReasonCount(**dict(row)) for row in await connection.fetch(_SELECT_REASONS, *arguments)]
    lags: Any = await connection.fetchrow(_SELECT_LAGS, *arguments)
    reported: Any = await connection.fetchrow(_SELECT_REPORTED, *arguments)
    dropped = await connection.fetchval(_SELECT_DROPPED, *arguments)
    stored = sum(key.stored_spans for key in keys)
    return IngestionHealth(
        received_spans=sum(key.received_spans for key in keys),
        stored_spans=stored,
        duplicate_spans=sum(key.duplicate_spans for key in keys),
        rejected_spans=sum(key.rejected_spans for key in keys),
        dead_lettered_spans=sum(key.dead_lettered_spans for key in keys),
        by_reason=reasons,
        by_key=keys,
        client_reported=ClientReported(**dict(reported), dropped=orjson.loads(dropped) if dropped else {}),
        lag_seconds=LagSeconds(p50=lags["p50"], p95=lags["p95"]),
        throughput_spans_per_s=round(stored / asked.length.total_seconds(), 3),
    )
