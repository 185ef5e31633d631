"""Upkeep of the traces database: partitions ahead of the data, expiry, and folding of counters."""

from collections.abc import Iterable
from datetime import date, timedelta

from shared.database import Connection

PARTITIONED_TABLES = ("spans", "span_logs", "span_payloads", "traces", "ingest_receipts")

_PARTITION_LOCK_KEY = 0x70617274

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

    Each day commits by itself. Writers of other days are neither blocked nor able to deadlock with this: a partition is
    made as a table of its own and then attached, which does not conflict with the lock of an INSERT or COPY. On
    TimescaleDB, which makes its chunks itself, nothing is done.

    Args:
        connection: Connection outside a transaction.
        days: Days of the rows' times in UTC.
    """
    wanted = sorted(set(days))
    if not wanted or not await connection.fetchval(_IS_PARTITIONED):
        return
    for day in sorted({row["day"] for row in await connection.fetch(_SELECT_MISSING, wanted, PARTITIONED_TABLES)}):
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _PARTITION_LOCK_KEY)
            for row in await connection.fetch(_SELECT_MISSING, [day], PARTITIONED_TABLES):
                parent, partition = row["parent"], row["partition"]
                await connection.execute(
                    f"create table if not exists {partition} (like {parent} including all);"
                    f"alter table {parent} attach partition {partition}"
                    f" for values from ('{day} 00:00+00') to ('{day + timedelta(days=1)} 00:00+00')"
                )
