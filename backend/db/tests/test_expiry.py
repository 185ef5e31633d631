import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from db import maintenance
from db.maintenance import EVENT_TABLES, drop_expired, ensure_partitions, read_retention
from db.tests.rows import INSERT_RECEIPT, INSERT_SCORE, INSERT_SPAN, store_trace, stored_days
from shared.database import Connection

NOW = datetime(2026, 6, 30, 15, 30, tzinfo=UTC)
LAST_OVER = "2026-03-30"
FIRST_KEPT = "2026-03-31"
TIMES = {**EVENT_TABLES, "trace_heads": "last_start"}


def noon(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00+00:00")


async def store_days(connection: Connection, workspace: int, *days: str) -> None:
    await ensure_partitions(connection, [noon(day).date() for day in days])
    for day in days:
        trace = await store_trace(connection, workspace, noon(day))
        await connection.execute(INSERT_SCORE, workspace, uuid.uuid4(), trace, NOW)


async def relations(connection: Connection, day: str) -> list[str]:
    rows = await connection.fetch(
        "select relname from pg_class where relkind = 'r' and relname like $1 order by relname",
        f"%\\_{day.replace('-', '')}",
    )
    return [row["relname"] for row in rows]


async def test_days_that_no_workspace_keeps_are_dropped_with_all_that_belongs_to_their_traces(
    traces: Connection,
) -> None:
    await store_days(traces, 1, LAST_OVER, FIRST_KEPT)

    await drop_expired(traces, 90, {}, NOW)

    for table, column in TIMES.items():
        assert await stored_days(traces, table, column) == [(1, FIRST_KEPT)]
    assert await traces.fetchval("select count(*) from scores") == 1
    assert await relations(traces, LAST_OVER) == []


async def test_a_workspace_keeps_its_rows_as_long_as_it_says(each_traces: Connection) -> None:
    old, week = "2026-02-01", "2026-06-21"
    for workspace in (1, 2, 3):
        await store_days(each_traces, workspace, old, week, "2026-06-22")

    await drop_expired(each_traces, 90, {1: 365, 2: 7}, NOW)

    expected = [(1, old), (1, week), (1, "2026-06-22"), (2, "2026-06-22"), (3, week), (3, "2026-06-22")]
    for table, column in TIMES.items():
        assert await stored_days(each_traces, table, column) == expected
    assert await each_traces.fetchval("select count(*) from scores") == len(expected)


async def test_more_rows_than_a_batch_are_all_deleted(traces: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "_DELETE_BATCH", 2)
    for _ in range(5):
        await store_days(traces, 1, "2026-05-01")
    await store_days(traces, 2, "2026-05-01")

    await drop_expired(traces, 90, {1: 7}, NOW)

    for table, column in TIMES.items():
        assert await stored_days(traces, table, column) == [(2, "2026-05-01")]


async def test_expiry_is_no_change_to_triggers_of_the_table(traces: Connection) -> None:
    await traces.execute("""
        create function refuse() returns trigger language plpgsql as $$ begin raise 'seen'; end $$;
        create trigger seen after delete on traces referencing old table as gone
          for each statement execute function refuse();
    """)
    await store_days(traces, 1, "2026-02-01", "2026-05-01")
    with pytest.raises(asyncpg.RaiseError):
        await traces.execute("delete from traces")

    await drop_expired(traces, 90, {1: 7}, NOW)

    assert await traces.fetchval("select count(*) from traces") == 0


async def test_scores_reports_and_dead_letters_go_by_their_own_time(traces: Connection) -> None:
    for day in (LAST_OVER, FIRST_KEPT):
        await traces.execute(INSERT_SCORE, 1, uuid.uuid4(), uuid.uuid4(), noon(day))
        await traces.execute(
            "insert into client_reports (workspace_id, receipt_id, reported_at, created, delivered, sampled, dropped)"
            " values (1, $1, $2, 1, 1, 0, '{}')",
            *(uuid.uuid4(), noon(day)),
        )
        await traces.execute(
            "insert into dead_letters (dead_letter_id, workspace_id, created_at, received_at, format, reason, error,"
            " attempts, header, payload) values ($1, 1, $2, $2, 'flat', 'x', 'x', 1, '{}', '')",
            *(uuid.uuid4(), noon(day)),
        )

    await drop_expired(traces, 90, {1: 90}, NOW)

    for table, column in {
        "scores": "created_at",
        "client_reports": "reported_at",
        "dead_letters": "created_at",
    }.items():
        assert await stored_days(traces, table, column) == [(1, FIRST_KEPT)]


async def test_receipts_are_kept_for_a_week(traces: Connection) -> None:
    days = ["2026-06-21", "2026-06-22", "2026-06-30"]
    await ensure_partitions(traces, [noon(day).date() for day in days])
    for day in days:
        await traces.execute(INSERT_RECEIPT, uuid.uuid4(), 1, noon(day))

    await drop_expired(traces, 90, {}, NOW)

    assert await stored_days(traces, "ingest_receipts", "received_at") == [(1, day) for day in days[1:]]


async def test_a_trace_whose_last_span_is_kept_keeps_its_head(traces: Connection) -> None:
    await store_days(traces, 1, LAST_OVER)
    await traces.execute("update trace_heads set last_start = $1", noon(FIRST_KEPT))

    await drop_expired(traces, 90, {}, NOW)

    assert await traces.fetchval("select count(*) from trace_heads") == 1


async def test_a_head_that_a_writer_holds_is_left_to_the_next_run(traces: Connection, traces_url: str) -> None:
    await store_days(traces, 1, LAST_OVER)
    writer = await asyncpg.connect(traces_url)
    async with writer.transaction():
        await writer.execute("select from trace_heads for update")

        await drop_expired(traces, 90, {}, NOW)

        assert await traces.fetchval("select count(*) from trace_heads") == 1
    await drop_expired(traces, 90, {}, NOW)
    assert await traces.fetchval("select count(*) from trace_heads") == 0
    await writer.close()


async def test_while_a_drop_waits_for_a_reader_others_read_and_write(traces: Connection, traces_url: str) -> None:
    await store_days(traces, 1, LAST_OVER, FIRST_KEPT)
    reader, other = await asyncpg.connect(traces_url), await asyncpg.connect(traces_url)
    async with reader.transaction():
        assert await reader.fetchval("select count(*) from spans") == 2
        drop = asyncio.create_task(drop_expired(traces, 90, {}, NOW))
        while not await other.fetchval("select exists (select from pg_locks where not granted)"):
            await asyncio.sleep(0.01)

        await other.execute("set lock_timeout = '100ms'")
        await other.execute(INSERT_SPAN, 1, uuid.uuid4(), 1, noon(FIRST_KEPT))
        assert await other.fetchval("select count(*) from spans where start_time >= $1", noon(FIRST_KEPT)) == 2
        assert not drop.done()
    await drop

    assert await relations(traces, LAST_OVER) == []
    await reader.close()
    await other.close()


async def test_a_drop_that_waited_too_long_is_completed_by_the_next_run(
    traces: Connection, traces_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_LOCK_TIMEOUT", "50ms")
    await store_days(traces, 1, LAST_OVER, FIRST_KEPT)
    reader = await asyncpg.connect(traces_url)
    async with reader.transaction():
        await reader.fetchval("select count(*) from spans")

        await drop_expired(traces, 90, {}, NOW)

        assert await relations(traces, LAST_OVER) == [f"spans_{LAST_OVER.replace('-', '')}"]
    await drop_expired(traces, 90, {}, NOW)

    assert await relations(traces, LAST_OVER) == []
    await reader.close()


async def test_a_run_killed_between_detaching_and_dropping_is_completed(traces: Connection) -> None:
    await store_days(traces, 1, LAST_OVER)
    partition = f"spans_{LAST_OVER.replace('-', '')}"
    await traces.execute(f"alter table spans detach partition {partition} concurrently")

    await drop_expired(traces, 90, {}, NOW)

    assert await relations(traces, LAST_OVER) == []


async def test_retention_is_read_for_each_workspace(metadata: Connection) -> None:
    insert = "insert into workspaces (workspace_id, name, slug, retention_days) values ($1, 'n', $2, $3)"
    for slug, days in (("a", 30), ("b", 365)):
        await metadata.execute(insert, uuid.uuid4(), slug, days)

    assert sorted((await read_retention(metadata)).values()) == [30, 365]


async def test_statistics_outlive_raw_data_but_not_the_rollups(traces: Connection) -> None:
    for days in (395, 397):
        await traces.execute(
            "insert into ingest_stats (workspace_id, bucket, received, stored, duplicate, rejected, dead_lettered,"
            " folded) values (1, $1, 1, 1, 0, 0, 0, true)",
            NOW - timedelta(days=days),
        )

    await drop_expired(traces, 90, {}, NOW)

    assert await traces.fetchval("select count(*) from ingest_stats") == 1
