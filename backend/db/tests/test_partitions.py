import asyncio
import random
import uuid
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from db.maintenance import PARTITIONED_TABLES, ensure_partitions
from db.tests.rows import INSERT_RECEIPT, INSERT_SPAN, store_trace
from shared.database import Connection

NOW = datetime.now(UTC)
TODAY = NOW.date()


async def partitions(connection: Connection, table: str) -> list[str]:
    rows = await connection.fetch(
        "select relname from pg_inherits join pg_class on pg_class.oid = inhrelid"
        " where inhparent = to_regclass($1) order by relname",
        table,
    )
    return [row["relname"] for row in rows]


@pytest.mark.parametrize("table", PARTITIONED_TABLES)
async def test_a_migrated_database_takes_rows_of_today_and_tomorrow(traces: Connection, table: str) -> None:
    expected = [f"{table}_{day:%Y%m%d}" for day in (TODAY, TODAY + timedelta(days=1))]

    assert await partitions(traces, table) == expected


async def test_a_day_is_made_once_and_takes_rows_from_its_first_to_its_last_moment(traces: Connection) -> None:
    first = datetime(2026, 2, 28, tzinfo=UTC)
    with pytest.raises(asyncpg.CheckViolationError):
        await store_trace(traces, 1, first)
    for _ in range(2):
        await ensure_partitions(traces, [first.date(), first.date()])

    await traces.execute("truncate trace_heads")
    for moment in (first, first + timedelta(days=1, microseconds=-1)):
        await store_trace(traces, 1, moment)
        await traces.execute(INSERT_RECEIPT, uuid.uuid4(), 1, moment)
    with pytest.raises(asyncpg.CheckViolationError):
        await traces.execute(INSERT_SPAN, 1, uuid.uuid4(), 1, first + timedelta(days=1))

    for table in PARTITIONED_TABLES:
        assert await traces.fetchval(f"select count(*) from {table}_20260228") == 2


async def test_a_partition_has_the_keys_indexes_and_storage_of_its_table(traces: Connection) -> None:
    indexes = """
        select array_agg(regexp_replace(indexdef, '.* USING', '') order by indexdef collate "C")
        from pg_indexes where tablename = $1
    """
    storage = """
        select array_agg(attname || ' ' || attstorage::text order by attname)
        from pg_attribute where attrelid = to_regclass($1) and attnum > 0
    """
    for table in PARTITIONED_TABLES:
        partition = f"{table}_{TODAY:%Y%m%d}"
        assert sorted(await traces.fetchval(indexes, partition)) == sorted(await traces.fetchval(indexes, table))
        assert await traces.fetchval(storage, partition) == await traces.fetchval(storage, table)
    assert "body e" in await traces.fetchval(storage, f"span_payloads_{TODAY:%Y%m%d}")


async def test_a_span_is_stored_once(traces: Connection) -> None:
    span = (1, uuid.uuid4(), 7, NOW)
    await traces.execute(INSERT_SPAN, *span)

    with pytest.raises(asyncpg.UniqueViolationError):
        await traces.execute(INSERT_SPAN, *span)


async def test_partitions_are_refused_inside_a_transaction(traces: Connection) -> None:
    async with traces.transaction():
        with pytest.raises(RuntimeError):
            await ensure_partitions(traces, [TODAY])


async def test_a_new_day_does_not_wait_for_a_transaction_that_writes(traces: Connection, traces_url: str) -> None:
    other = await asyncpg.connect(traces_url)
    async with traces.transaction():
        await store_trace(traces, 1, NOW)
        await traces.execute(INSERT_RECEIPT, uuid.uuid4(), 1, NOW)

        await ensure_partitions(other, [date(2026, 3, 1)])

        await store_trace(other, 1, datetime(2026, 3, 1, tzinfo=UTC))
    await other.close()


async def test_new_days_made_at_once_under_load_neither_deadlock_nor_lose_a_row(traces_url: str) -> None:
    days = [date(2026, 4, 1) + timedelta(days=number) for number in range(8)]
    made = asyncio.Event()
    stored = 0

    async def make(seed: int) -> None:
        connection = await asyncpg.connect(traces_url)
        for day in random.Random(seed).sample(days, len(days)):
            await ensure_partitions(connection, [day, *days[:2]])
        await connection.close()

    async def write(seed: int) -> None:
        nonlocal stored
        chance = random.Random(seed)
        connection = await asyncpg.connect(traces_url)
        while not made.is_set():
            async with connection.transaction():
                for table in chance.sample(PARTITIONED_TABLES, len(PARTITIONED_TABLES)):
                    await connection.fetchval(f"select count(*) from {table}")
                for _ in range(3):
                    await store_trace(connection, seed, NOW)
            stored += 3
        await connection.close()

    writers = [asyncio.create_task(write(seed)) for seed in range(4)]
    await asyncio.gather(*(make(seed) for seed in range(4)))
    made.set()
    await asyncio.gather(*writers)

    connection = await asyncpg.connect(traces_url)
    for table in PARTITIONED_TABLES:
        assert len(await partitions(connection, table)) == 2 + len(days)
    assert await connection.fetchval("select count(*) from spans") == stored > 0
    await connection.close()
