"""Upkeep of the traces database: partitions ahead of the data, expiry, and folding of counters."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import asyncpg

from shared.database import Connection
from shared.logging import get_logger

logger = get_logger(__name__)

RECEIPT_DAYS = 7
# Counters of ingestion live as long as rollups do.
STATS_DAYS = 396
FOLD_AFTER = timedelta(hours=2)
# Rows accepted at the edge of the window may wait in the queue, and writers remember which days they have made sure of.
_GRACE = timedelta(days=1)
_DELETE_BATCH = 10_000
_CHUNK_SECONDS = 600
_LAG_SAMPLE = 200
_LOCK_TIMEOUT = "5s"
_PARTITION_LOCK_KEY = 0x70617274

# Each with the column that it is partitioned by.
EVENT_TABLES = {
    "spans": "start_time",
    "span_logs": "log_time",
    "span_payloads": "start_time",
    "traces": "start_time",
    "search_documents": "start_time",
}
PARTITIONED_TABLES = (*EVENT_TABLES, "ingest_receipts")
# Rows of a workspace that expire by a time of their own.
_DATED_TABLES = {
    "scores": "created_at",
    "feedback": "created_at",
    "outcomes": "created_at",
    "evaluations": "created_at",
    "guardrail_violations": "detected_at",
    "dead_letters": "created_at",
    "client_reports": "reported_at",
}
# Rows that are never updated are frozen by the vacuum that first sees them, while their pages are in memory, so that no
# later one rewrites a whole old partition; trace rows change while their spans arrive and leave dead versions behind.
_PARTITION_OPTIONS = {
    "spans": "autovacuum_freeze_min_age = 0",
    "span_logs": "autovacuum_freeze_min_age = 0",
    "span_payloads": "autovacuum_freeze_min_age = 0, toast.autovacuum_freeze_min_age = 0",
    "traces": "autovacuum_vacuum_scale_factor = 0.05",
    "search_documents": "autovacuum_vacuum_scale_factor = 0.05",
    "ingest_receipts": "autovacuum_freeze_min_age = 0",
}

_IS_PARTITIONED = "select exists (select from pg_class where oid = to_regclass('spans') and relkind = 'p')"

_SELECT_MISSING = """
select parent, day, format('%s_%s', parent, to_char(day, 'YYYYMMDD')) as partition
from unnest($1::date[]) as day cross join unnest($2::text[]) with ordinality as parents (parent, position)
where not exists (
  select from pg_inherits
  where inhparent = to_regclass(parent) and inhrelid = to_regclass(format('%s_%s', parent, to_char(day, 'YYYYMMDD')))
)
order by day, position
"""


async def ensure_partitions(connection: Connection, days: Iterable[date]) -> None:
    """Make sure that rows of these days (UTC) can be stored.

    Each day commits by itself. Writers are neither blocked nor able to deadlock with this: a partition is made as a
    table of its own and then attached, which does not conflict with the lock of an INSERT or COPY. On TimescaleDB,
    which makes its chunks itself, nothing is done.

    Args:
        connection: Connection outside a transaction.
        days: Days of the rows' times in UTC.

    Raises:
        RuntimeError: A transaction is open, whose rollback would undo what the caller believes done.
        asyncpg.LockNotAvailableError: Other partition work did not end within five seconds; try again.
    """
    if connection.is_in_transaction():
        raise RuntimeError("partitions are made outside the transaction that stores rows")
    wanted = sorted(set(days))
    if not wanted or not await connection.fetchval(_IS_PARTITIONED):
        return
    for day in sorted({row["day"] for row in await connection.fetch(_SELECT_MISSING, wanted, PARTITIONED_TABLES)}):
        async with connection.transaction():
            await connection.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
            await connection.execute("select pg_advisory_xact_lock($1)", _PARTITION_LOCK_KEY)
            for row in await connection.fetch(_SELECT_MISSING, [day], PARTITIONED_TABLES):
                parent, partition = row["parent"], row["partition"]
                await connection.execute(
                    f"create table if not exists {partition} (like {parent} including all)"
                    f" with ({_PARTITION_OPTIONS[parent]});"
                    f"alter table {parent} attach partition {partition}"
                    f" for values from ('{day} 00:00+00') to ('{day + timedelta(days=1)} 00:00+00')"
                )


_SELECT_RETENTION = "select number, retention_days from workspaces"


async def read_retention(connection: Connection) -> dict[int, int]:
    """Return the days for which each workspace keeps raw data, by workspace number, from the metadata database."""
    return {row["number"]: row["retention_days"] for row in await connection.fetch(_SELECT_RETENTION)}


_SELECT_ROLLUP_RETENTION = """
select rollup_retention_days, array_agg(number) as numbers from workspaces group by rollup_retention_days
"""


async def read_rollup_retention(connection: Connection) -> dict[int, list[int]]:
    """Return the numbers of the workspaces that keep rollups for so many days, from the metadata database."""
    rows = await connection.fetch(_SELECT_ROLLUP_RETENTION)
    return {row["rollup_retention_days"]: row["numbers"] for row in rows}


# Finds each workspace by one descent of the index instead of reading all heads.
_SELECT_WORKSPACES = """
with recursive found as (
  (select workspace_id from trace_heads order by workspace_id limit 1)
  union all
  select (select h.workspace_id from trace_heads h where h.workspace_id > f.workspace_id order by 1 limit 1)
  from found f where f.workspace_id is not null
)
select workspace_id from found where workspace_id is not null
"""


async def drop_expired(
    connection: Connection, retention_days: int, by_workspace: Mapping[int, int], now: datetime | None = None
) -> None:
    """Remove what is older than its workspace keeps it.

    Days that no workspace keeps go at once: by dropping partitions, or through the retention policy on TimescaleDB.
    From the days that only some workspaces keep, the rows of the others are deleted. Rollups outlive raw rows, so
    nothing is taken from them.

    What cannot be locked within five seconds is left to the next run, which also completes a run that was killed.

    Args:
        connection: Connection to the traces database, outside a transaction.
        retention_days: Days for workspaces that ``by_workspace`` does not name.
        by_workspace: Days by workspace number, as ``read_retention`` returns them.
        now: Time to judge by instead of the clock's.
    """
    now = now or datetime.now(UTC)
    known = {row["workspace_id"]: retention_days for row in await connection.fetch(_SELECT_WORKSPACES)}
    workspaces: defaultdict[int, list[int]] = defaultdict(list)
    for workspace, days in (known | dict(by_workspace)).items():
        workspaces[days].append(workspace)
    longest = max([retention_days, *workspaces])
    partitioned = await connection.fetchval(_IS_PARTITIONED)
    await connection.execute(f"set lock_timeout = '{_LOCK_TIMEOUT}'")
    try:
        if partitioned:
            delete = _delete_from_partitions
            for table in EVENT_TABLES:
                await _drop_partitions(connection, table, _first_kept(now, longest))
            await _drop_partitions(connection, "ingest_receipts", _first_kept(now, RECEIPT_DAYS))
        else:
            delete = _delete_from_chunks
            await connection.execute(_ALIGN_POLICIES, list(EVENT_TABLES), timedelta(days=longest))
        for days, numbers in workspaces.items():
            first_kept = _first_kept(now, days)
            if days < longest:
                await delete(connection, numbers, first_kept)
            await _delete_dated(connection, numbers, first_kept)
        await connection.execute(_DELETE_STATS, now - timedelta(days=STATS_DAYS))
    finally:
        await connection.execute("reset lock_timeout")


def _first_kept(now: datetime, days: int) -> datetime:
    """Return the midnight (UTC) before which nothing is kept."""
    return (now.astimezone(UTC) - timedelta(days=days) - _GRACE).replace(hour=0, minute=0, second=0, microsecond=0)


_SELECT_PARTITIONS = """
select c.relname as partition, i.inhrelid is not null as attached, coalesce(i.inhdetachpending, false) as detaching
from pg_class c left join pg_inherits i on i.inhrelid = c.oid
where c.relkind = 'r' and pg_table_is_visible(c.oid)
  and to_date(substring(c.relname from '^' || $1 || '_(\\d{8})$'), 'YYYYMMDD') < $2::date
order by partition
"""


async def _drop_partitions(connection: Connection, table: str, first_kept: datetime) -> None:
    for row in await connection.fetch(_SELECT_PARTITIONS, table, first_kept.date()):
        partition = row["partition"]
        try:
            # Dropping an attached partition would lock out every reader and writer of the table.
            if row["detaching"]:
                await connection.execute(f"alter table {table} detach partition {partition} finalize")
            elif row["attached"]:
                await connection.execute(f"alter table {table} detach partition {partition} concurrently")
            await connection.execute(f"drop table {partition}")
        except asyncpg.LockNotAvailableError:
            logger.warning("partition_busy", partition=partition)
        else:
            logger.info("partition_dropped", partition=partition)


_ALIGN_POLICIES = """
select alter_job(job_id, config => jsonb_set(config, '{drop_after}', to_jsonb($2::interval::text)))
from timescaledb_information.jobs
where proc_name = 'policy_retention' and hypertable_name = any($1)
  and (config ->> 'drop_after')::interval is distinct from $2::interval
"""


_SELECT_OVER = """
select format('%I', c.relname) as partition
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass($1) and not i.inhdetachpending and to_date(right(c.relname, 8), 'YYYYMMDD') < $2::date
order by partition
"""
_DELETE_FROM_PARTITION = """
delete from {partition}
where ctid = any (array(select ctid from {partition} where workspace_id = any ($1) limit $2))
"""


async def _delete_from_partitions(connection: Connection, workspaces: list[int], first_kept: datetime) -> None:
    for table in EVENT_TABLES:
        for row in await connection.fetch(_SELECT_OVER, table, first_kept.date()):
            await _delete(connection, _DELETE_FROM_PARTITION.format(partition=row["partition"]), workspaces)


_SELECT_CHUNKS_OVER = """
select range_start, range_end from timescaledb_information.chunks
where hypertable_name = $1 and range_end <= $2
order by range_end
"""
# Only through the hypertable does a deletion reach compressed rows; whole segments go without being unpacked.
_DELETE_FROM_CHUNK = "delete from {table} where workspace_id = any ($1) and {column} >= $2 and {column} < $3"


async def _delete_from_chunks(connection: Connection, workspaces: list[int], first_kept: datetime) -> None:
    for table, column in EVENT_TABLES.items():
        for start, end in await connection.fetch(_SELECT_CHUNKS_OVER, table, first_kept):
            async with connection.transaction():
                await connection.execute(f"set local statement_timeout = '{_CHUNK_SECONDS}s'")
                statement = _DELETE_FROM_CHUNK.format(table=table, column=column)
                await connection.execute(statement, workspaces, start, end, timeout=_CHUNK_SECONDS)


# A head that a writer holds is about to become younger.
_DELETE_HEADS = """
with over as (
  select workspace_id, trace_id from trace_heads
  where workspace_id = any ($1) and last_start < $3 limit $2 for update skip locked
), gone as (
  delete from trace_heads h using over o
  where h.workspace_id = o.workspace_id and h.trace_id = o.trace_id returning h.workspace_id, h.trace_id
), gone_scores as (
  delete from scores s using gone g where s.workspace_id = g.workspace_id and s.trace_id = g.trace_id
), gone_feedback as (
  delete from feedback f using gone g where f.workspace_id = g.workspace_id and f.trace_id = g.trace_id
), gone_outcomes as (
  delete from outcomes o using gone g where o.workspace_id = g.workspace_id and o.trace_id = g.trace_id
), gone_evaluations as (
  delete from evaluations e using gone g where e.workspace_id = g.workspace_id and e.trace_id = g.trace_id
)
select from gone
"""
_DELETE_DATED = """
delete from {table}
where ctid = any (array(select ctid from {table} where workspace_id = any ($1) and {column} < $3 limit $2))
"""
_DELETE_STATS = "delete from ingest_stats where folded and bucket < $1"


async def _delete_dated(connection: Connection, workspaces: list[int], first_kept: datetime) -> None:
    await _delete(connection, _DELETE_HEADS, workspaces, first_kept)
    for table, column in _DATED_TABLES.items():
        await _delete(connection, _DELETE_DATED.format(table=table, column=column), workspaces, first_kept)


async def _delete(connection: Connection, statement: str, workspaces: list[int], *arguments: datetime) -> None:
    """Repeat a statement that is limited to ``$2`` rows, each time in a transaction of its own, until it finds less."""
    while True:
        status = await connection.execute(statement, workspaces, _DELETE_BATCH, *arguments)
        if int(status.rpartition(" ")[2]) < _DELETE_BATCH:
            return


_SELECT_OPEN_HOUR = """
select date_trunc('hour', min(bucket), 'UTC') from ingest_stats where not folded and bucket < $1
"""
# An hour that was folded before takes in what came late. Of the lags a sample is kept that has the same quantiles.
_FOLD_HOUR = """
with keys as (
  select row_number() over () as id, workspace_id, key_id
  from (select distinct workspace_id, key_id from ingest_stats
        where not folded and bucket >= $1 and bucket < $1 + interval '1 hour') k
), taken as (
  delete from ingest_stats s using keys k
  where s.workspace_id = k.workspace_id and s.key_id is not distinct from k.key_id
    and s.bucket >= $1 and s.bucket < $1 + interval '1 hour'
  returning k.id, s.*
), counts as (
  select id, sum(received) as received, sum(stored) as stored, sum(duplicate) as duplicate,
         sum(rejected) as rejected, sum(dead_lettered) as dead_lettered
  from taken group by id
), by_reason as (
  select id, jsonb_object_agg(reason, items) as reasons
  from (select id, r.key as reason, sum(r.value::int8) as items
        from taken, jsonb_each_text(taken.reasons) r group by id, r.key) x
  group by id
), lags as (
  select id, array_agg(lag order by lag) as lag_us
  from (
    select id, lag, row_number() over (partition by id order by lag) as rank, count(*) over (partition by id) as total
    from taken, unnest(taken.lag_us) lag
  ) x
  where total <= $2 or rank * $2 / total > (rank - 1) * $2 / total
  group by id
)
insert into ingest_stats
  (workspace_id, key_id, bucket, received, stored, duplicate, rejected, dead_lettered, reasons, lag_us, folded)
select workspace_id, key_id, $1, received, stored, duplicate, rejected, dead_lettered, reasons, lag_us, true
from keys join counts using (id) left join by_reason using (id) left join lags using (id)
"""


async def fold_ingest_stats(connection: Connection, now: datetime | None = None) -> None:
    """Make one row a workspace, key and hour of the counters of hours that ended two hours ago or earlier.

    Sums stay what they were for every reader at every moment.

    Args:
        connection: Connection to the traces database.
        now: Time to judge by instead of the clock's.
    """
    before = ((now or datetime.now(UTC)) - FOLD_AFTER).replace(minute=0, second=0, microsecond=0)
    while (hour := await connection.fetchval(_SELECT_OPEN_HOUR, before)) is not None:
        await connection.execute(_FOLD_HOUR, hour, _LAG_SAMPLE)
