import os
import struct
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from db.maintenance import EVENT_TABLES, PARTITIONED_TABLES, drop_expired, ensure_partitions
from db.migrate import migrate_traces
from db.tests.rows import INSERT_RECEIPT, INSERT_SPAN, store_trace, stored_days
from shared.database import Connection

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
OLD = NOW - timedelta(days=10)
PAYLOAD_BYTES = 3000


async def job(connection: Connection, table: str, procedure: str) -> int:
    found = await connection.fetchval(
        "select job_id from timescaledb_information.jobs where hypertable_name = $1 and proc_name = $2",
        *(table, procedure),
    )
    assert isinstance(found, int)
    return found


async def chunks(connection: Connection, table: str) -> int:
    count = await connection.fetchval("select count(*) from show_chunks($1::text::regclass)", table)
    assert isinstance(count, int)
    return count


async def compressed(connection: Connection, table: str) -> int:
    count = await connection.fetchval(
        "select count(*) from timescaledb_information.chunks where hypertable_name = $1 and is_compressed", table
    )
    assert isinstance(count, int)
    return count


async def compress(connection: Connection) -> None:
    for table in ("spans", "span_logs", "traces"):
        await connection.execute(f"call run_job({await job(connection, table, 'policy_compression')})")


async def test_a_second_migration_does_nothing(timescale: Connection) -> None:
    before = await timescale.fetch("select * from schema_migrations")
    reports: list[str] = []

    await migrate_traces(timescale, reports.append)

    assert reports == ["traces (timescale): up to date"]
    assert await timescale.fetch("select * from schema_migrations") == before


async def test_the_partitioned_tables_are_hypertables_and_the_heads_are_not(timescale: Connection) -> None:
    rows = await timescale.fetch("select hypertable_name from timescaledb_information.hypertables")

    assert {row["hypertable_name"] for row in rows} == set(PARTITIONED_TABLES)


async def test_a_chunk_holds_a_day(timescale: Connection) -> None:
    midnight = NOW.replace(hour=0)
    for moment in (midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1, microseconds=-1)):
        await store_trace(timescale, 1, moment)
        await timescale.execute(INSERT_RECEIPT, uuid.uuid4(), 1, moment)

    for table in PARTITIONED_TABLES:
        assert await chunks(timescale, table) == 2


async def test_making_partitions_is_left_to_timescale(timescale: Connection) -> None:
    await ensure_partitions(timescale, [NOW.date()])

    for table in PARTITIONED_TABLES:
        assert await chunks(timescale, table) == 0


async def test_payload_bodies_stay_outside_of_the_row_uncompressed(timescale: Connection) -> None:
    await timescale.execute(
        "insert into span_payloads (workspace_id, trace_id, start_time, span_ids, format, body)"
        " values (1, $1, $2, '{1}', 0, $3)",
        *(uuid.uuid4(), NOW, bytes(PAYLOAD_BYTES)),
    )

    storage = await timescale.fetchval(
        "select attstorage from pg_attribute"
        " where attrelid = (select show_chunks('span_payloads')) and attname = 'body'"
    )
    assert storage == b"e"
    assert await timescale.fetchval("select pg_column_size(body) from span_payloads") == PAYLOAD_BYTES


async def test_chunks_older_than_a_week_are_compressed_by_their_policy(timescale: Connection) -> None:
    for moment in (OLD, NOW):
        for _ in range(50):
            await store_trace(timescale, 1, moment)

    await compress(timescale)

    for table in ("spans", "span_logs", "traces"):
        assert (await compressed(timescale, table), await chunks(timescale, table)) == (1, 2)
    assert await compressed(timescale, "span_payloads") == 0
    assert await timescale.fetchval("select count(*) from spans") == 100


@pytest.fixture
async def old_span(timescale: Connection) -> tuple[int, uuid.UUID, int, datetime]:
    """Return the key of a span in a compressed chunk."""
    trace = await store_trace(timescale, 1, OLD)
    await compress(timescale)
    assert await compressed(timescale, "spans") == 1
    return 1, trace, 1, OLD


async def test_a_late_span_enters_a_compressed_chunk_once(
    timescale: Connection, old_span: tuple[int, uuid.UUID, int, datetime]
) -> None:
    workspace, trace, _, start = old_span
    with pytest.raises(asyncpg.UniqueViolationError):
        await timescale.execute(INSERT_SPAN, *old_span)
    await timescale.execute(INSERT_SPAN, workspace, trace, 2, start)

    rows = await timescale.fetch(
        "select span_id from spans where workspace_id = $1 and trace_id = $2 order by span_id", workspace, trace
    )
    assert [row["span_id"] for row in rows] == [1, 2]


async def test_a_trace_row_moves_out_of_a_compressed_chunk(
    timescale: Connection, old_span: tuple[int, uuid.UUID, int, datetime]
) -> None:
    workspace, trace, _, start = old_span
    key = "where workspace_id = $1 and trace_id = $2 and start_time = $3"
    await timescale.execute(f"update spans set name = 'renamed' {key}", workspace, trace, start)
    await timescale.execute(f"delete from traces {key}", workspace, trace, start)

    assert await timescale.fetchval("select name from spans") == "renamed"
    assert await timescale.fetchval("select count(*) from traces") == 0


async def test_old_chunks_are_dropped_by_their_policy(timescale: Connection) -> None:
    for days in (0, 89, 92):
        await store_trace(timescale, 1, NOW - timedelta(days=days))
    for days in (0, 6, 9):
        await timescale.execute(INSERT_RECEIPT, uuid.uuid4(), 1, NOW - timedelta(days=days))

    await drop_expired(timescale, 90, {1: 90})
    for table in PARTITIONED_TABLES:
        await timescale.execute(f"call run_job({await job(timescale, table, 'policy_retention')})")

    for table in PARTITIONED_TABLES:
        assert await chunks(timescale, table) == 2


async def test_the_policies_follow_the_workspace_that_keeps_longest(timescale: Connection) -> None:
    query = """
        select hypertable_name, config ->> 'drop_after' as days from timescaledb_information.jobs
        where proc_name = 'policy_retention' and hypertable_name is not null
    """
    others = {"ingest_receipts": "7 days"}

    await drop_expired(timescale, 90, {1: 365})
    longer = {row["hypertable_name"]: row["days"] for row in await timescale.fetch(query)}
    await drop_expired(timescale, 90, {1: 30})
    shorter = {row["hypertable_name"]: row["days"] for row in await timescale.fetch(query)}

    assert longer == dict.fromkeys(EVENT_TABLES, "365 days") | others
    assert shorter == dict.fromkeys(EVENT_TABLES, "90 days") | others


async def test_a_workspace_leaves_a_compressed_chunk_that_another_keeps(timescale: Connection) -> None:
    for workspace in (1, 2):
        await store_trace(timescale, workspace, OLD)
    await compress(timescale)

    await drop_expired(timescale, 90, {1: 7})

    for table, column in EVENT_TABLES.items():
        assert await stored_days(timescale, table, column) == [(2, f"{OLD:%Y-%m-%d}")]


def copy_rows(trace: uuid.UUID, start: datetime, spans: range) -> bytes:
    """Return rows of ``spans`` as binary COPY data."""

    def field(value: bytes) -> bytes:
        return struct.pack(">i", len(value)) + value

    micros = (start - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    rows = b"".join(
        struct.pack(">h", 7)
        + field(struct.pack(">i", 1))
        + field(trace.bytes)
        + field(struct.pack(">q", span))
        + field(struct.pack(">q", micros))
        + field(struct.pack(">h", 2)) * 2
        + field(b"chat")
        for span in spans
    )
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows + b"\xff\xff"


async def copy(connection: Connection, data: bytes) -> None:
    async def source() -> AsyncIterator[bytes]:
        yield data

    columns = ["workspace_id", "trace_id", "span_id", "start_time", "kind", "status", "name"]
    await connection.copy_to_table("spans", source=source(), columns=columns, format="binary")


async def test_the_same_statements_store_and_read_on_both_engines(each_traces: Connection) -> None:
    trace = uuid.UUID(bytes=os.urandom(16))
    await ensure_partitions(each_traces, [NOW.date()])
    async with each_traces.transaction():
        await copy(each_traces, copy_rows(trace, NOW, range(10)))
        await each_traces.execute(INSERT_SPAN, 1, trace, 10, NOW)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with each_traces.transaction():
            await copy(each_traces, copy_rows(trace, NOW, range(9, 12)))
    refused = await each_traces.execute(f"{INSERT_SPAN} on conflict do nothing", 1, trace, 10, NOW)
    assert refused == "INSERT 0 0"

    rows = await each_traces.fetch(
        "select span_id, name, tags, metadata::text as metadata from spans"
        " where workspace_id = $1 and trace_id = any ($2) and start_time between $3 and $4 order by span_id",
        *(1, [trace], NOW - timedelta(hours=1), NOW),
    )

    assert [row["span_id"] for row in rows] == list(range(11))
    assert tuple(rows[10])[1:] == ("chat", ["a", "b"], '{"k": 1}')


async def test_both_engines_have_the_same_tables_columns_and_keys(traces: Connection, timescale: Connection) -> None:
    query = """
        select table_name, column_name, data_type, is_nullable
        from information_schema.columns where table_schema = 'public' and table_name !~ '_[0-9]{8}$'
        order by 1, 2
    """
    keys = """
        select conrelid::regclass::text, pg_get_constraintdef(oid)
        from pg_constraint where contype in ('p', 'u') and conrelid::regclass::text !~ '(_[0-9]{8}$|[.])' order by 1, 2
    """

    assert await traces.fetch(query) == await timescale.fetch(query)
    assert await traces.fetch(keys) == await timescale.fetch(keys)
