"""What is deleted is gone from everywhere, and from every figure."""

import os
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from processing.app.queries.deletion import Deletion, delete_trace, tables_of_workspaces
from processing.app.queries.search import prepare_connection
from processing.app.search.documents import index_traces
from processing.tests.jobs_support import OWNER, add_workspace, check_rollups, do
from processing.tests.support import (
    SECOND,
    WORKSPACE,
    WORKSPACE_ID,
    Bench,
    llm_span,
    log_body,
    make_log,
    make_span,
    open_bench,
    settings_for,
    trace_body,
)
from shared.changes import changes_key
from shared.database import Pool, create_pool
from shared.exports import key_of
from shared.streams.contracts import events_stream
from shared.streams.events import publish_event
from shared.testing.s3 import serving_bucket

OTHER = 8
OTHER_ID = str(uuid.uuid4())


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=3)
    await add_workspace(pool)
    await add_workspace(pool, OTHER_ID, OTHER)
    yield pool
    await pool.close()


@pytest.fixture
async def bench(each_traces_url: str, metadata_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    settings = settings_for(each_traces_url, metadata_url, redis_url, export_dir=str(tmp_path))
    async with open_bench(settings) as opened:
        yield opened


async def store(bench: Bench, trace_id: bytes, **fields: Any) -> None:
    start = time.time_ns() - 120 * SECOND
    spans = [
        llm_span(trace_id, 1, start=start, input__value="a secret"),
        make_span(trace_id, 2, 1, start=start, error="broken"),
    ]
    await bench.send(trace_body(*spans), **fields)
    await bench.send(log_body(make_log(trace_id, 1, "event", time_ns=start)), "otlp_logs", **fields)
    for item_format, item in (
        ("scores", {"trace_id": trace_id.hex(), "name": "n", "value": 1, "source": "code"}),
        ("feedback", {"trace_id": trace_id.hex(), "rating": 1}),
    ):
        await bench.send([item], item_format, **fields)  # type: ignore[arg-type]


def deletion(trace_id: bytes, workspace: int = WORKSPACE) -> Deletion:
    key = uuid.UUID(bytes=trace_id)
    return Deletion(workspace, uuid.UUID(WORKSPACE_ID), "user", OWNER, "request", trace_id.hex(), key)


async def counts(bench: Bench, trace_id: bytes) -> dict[str, int]:
    tables = ("spans", "span_payloads", "span_logs", "traces", "trace_heads", "search_documents")
    key = uuid.UUID(bytes=trace_id)
    return {
        table: await bench.pool.fetchval(f"select count(*) from {table} where trace_id = $1", key) for table in tables
    }


async def test_a_deleted_trace_is_gone_and_others_stay(bench: Bench, metadata: Pool) -> None:
    gone, kept = os.urandom(16), os.urandom(16)
    for trace_id in (gone, kept):
        await store(bench, trace_id)
    await bench.process()
    async with bench.pool.acquire() as connection:
        await prepare_connection(connection)
        await index_traces(WORKSPACE, connection, [uuid.UUID(bytes=gone), uuid.UUID(bytes=kept)])
    before = await counts(bench, kept)
    assert all(before.values())
    assert not await delete_trace(bench.pool, metadata, deletion(gone, OTHER))
    assert await delete_trace(bench.pool, metadata, deletion(gone))
    assert not await delete_trace(bench.pool, metadata, deletion(gone))
    assert not any((await counts(bench, gone)).values())
    assert await counts(bench, kept) == before
    await check_rollups(bench)
    audit = await metadata.fetch("select action, target_id from audit_log")
    assert [tuple(row) for row in audit] == [("delete_trace", gone.hex())]
    # What comes later is new data.
    await bench.send(trace_body(llm_span(gone, 3)))
    await bench.process()
    assert (await counts(bench, gone))["spans"] == 1
    await check_rollups(bench)


async def test_a_body_that_held_a_deleted_trace_is_stored_again(bench: Bench, metadata: Pool) -> None:
    gone, kept = os.urandom(16), os.urandom(16)
    body = trace_body(llm_span(gone, 1), llm_span(kept, 1), llm_span(kept, 2))
    await bench.send(body)
    await bench.process()
    repeat = await bench.send(body)
    await bench.process()
    assert await bench.counts(repeat) == (3, 0, 3, 0, 0)
    assert await delete_trace(bench.pool, metadata, deletion(gone))
    again = await bench.send(body)
    await bench.process()
    assert await bench.counts(again) == (3, 1, 2, 0, 0)
    assert (await counts(bench, gone))["spans"] == 1
    await check_rollups(bench)


async def test_S65_a_deleted_workspace_leaves_nothing_anywhere(bench: Bench, metadata: Pool, tmp_path: Path) -> None:
    mine, theirs = os.urandom(16), os.urandom(16)
    await store(bench, mine)
    await store(bench, theirs, workspace=OTHER, workspace_id=OTHER_ID)
    await bench.send([{"trace_id": "x"}], "spans")
    await bench.process()
    await publish_event(bench.redis, WORKSPACE_ID, "prices.changed", {})
    await bench.redis.hset(changes_key(WORKSPACE), "1", 1)
    await bench.redis.set(f"result:{{{WORKSPACE}}}:abc", b"x")
    await bench.redis.set(f"result:{{{OTHER}}}:abc", b"x")
    for identifier in (WORKSPACE_ID, OTHER_ID):
        (tmp_path / identifier).mkdir()
        (tmp_path / identifier / "file.csv").write_bytes(b"x")
    await metadata.execute("update workspaces set deleted_at = now() where number = $1", WORKSPACE)
    result = await do(bench, metadata, "delete_workspace", {})
    assert result["rows"] > 10
    async with bench.pool.acquire() as connection:
        tables = await tables_of_workspaces(connection)
        assert {"spans", "rollup_span_1d", "search_documents", "dead_letters", "ingest_receipts"} <= set(tables)
        for table in tables:
            assert await connection.fetchval(f"select count(*) from {table} where workspace_id = $1", WORKSPACE) == 0, (
                table
            )
        assert await connection.fetchval("select count(*) from spans where workspace_id = $1", OTHER) == 2
    await check_rollups(bench)
    async with metadata.acquire() as connection:
        kept = {
            table: await connection.fetchval(
                f"select count(*) from {table} where workspace_id = $1", uuid.UUID(WORKSPACE_ID)
            )
            for table in await tables_of_workspaces(connection)
        }
    # The number is never given to another, the job tells that it is done, and the audit log is kept.
    assert {table for table, count in kept.items() if count} <= {"workspaces", "jobs", "audit_log"}
    row = await metadata.fetchrow("select name, description from workspaces where number = $1", WORKSPACE)
    assert tuple(row or ()) == ("", "")
    assert not await bench.redis.exists(changes_key(WORKSPACE))
    # The job itself goes on telling of its end, for an hour.
    assert b"prices.changed" not in repr(await bench.redis.xrange(events_stream(WORKSPACE_ID))).encode()
    assert await bench.redis.keys("result:*") == [f"result:{{{OTHER}}}:abc".encode()]
    assert [path.name for path in tmp_path.iterdir()] == [OTHER_ID]
    # Begun anew, it finds nothing and is content.
    assert (await do(bench, metadata, "delete_workspace", {}))["rows"] == 0


async def test_S65_exports_of_a_deleted_workspace_leave_a_bucket_too(
    each_traces_url: str, metadata: Pool, metadata_url: str, redis_url: str, tmp_path: Path
) -> None:
    async with serving_bucket() as bucket:
        changes = {"export_dir": str(tmp_path), **bucket.settings()}
        settings = settings_for(each_traces_url, metadata_url, redis_url, **changes)
        kept = f"exports/{key_of(OTHER_ID, uuid.uuid4(), 'csv')}"
        bucket.put(f"exports/{key_of(WORKSPACE_ID, uuid.uuid4(), 'csv')}", b"x")
        bucket.put(kept, b"x")
        await metadata.execute("update workspaces set deleted_at = now() where number = $1", WORKSPACE)
        async with open_bench(settings) as bench:
            await do(bench, metadata, "delete_workspace", {})
        assert set(bucket.objects) == {kept}
