"""Traces whose first days have expired while later ones are kept: what is left counts once, whatever happens to it."""

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from processing.tests.jobs_support import add_price, add_workspace, do, window
from processing.tests.support import SECOND, WORKSPACE, Bench, llm_span, open_bench, settings_for, trace_body
from shared.database import Pool, create_pool
from shared.rollups.queries import fold

DAY = 86_400 * SECOND
# Of one call with 100 tokens in and 20 out at a dollar a million.
CALL = 120_000


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=3)
    await add_workspace(pool)
    yield pool
    await pool.close()


@pytest.fixture
async def bench(each_traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Bench]:
    async with open_bench(settings_for(each_traces_url, metadata_url, redis_url)) as opened:
        await add_price(opened, "gpt-4o", {"input": 1, "output": 1})
        yield opened
        await opened.pool.execute("delete from price_versions where workspace_id is not null")


async def send(bench: Bench, trace_id: bytes, *spans: tuple[int, int]) -> None:
    """Store calls of a model, each with its age in days."""
    now = time.time_ns()
    await bench.send(trace_body(*(llm_span(trace_id, number, start=now - age * DAY) for number, age in spans)))
    await bench.process()


async def expire(bench: Bench, days: int) -> None:
    """Do to raw rows what retention does."""
    before = datetime.now(UTC) - timedelta(days=days)
    for table in ("spans", "span_payloads", "traces"):
        await bench.pool.execute(f"delete from {table} where start_time < $1", before)


async def counted(bench: Bench) -> list[tuple[int, ...]]:
    """Return number, tokens and cost of traces, and of spans, as the rollups have them."""
    async with bench.pool.acquire() as connection:
        while await fold(connection):
            pass
    sums = "select sum(n)::int8, sum(tokens_total)::int8, sum(cost_nano)::int8 from {}_1d where workspace_id = $1"
    rows = [await bench.pool.fetch(sums.format(table), WORKSPACE) for table in ("rollup_total", "rollup_cost")]
    return [tuple(row) for listed in rows for row in listed]


async def test_late_spans_of_a_trace_that_expires_count_once(bench: Bench) -> None:
    trace_id = os.urandom(16)
    await send(bench, trace_id, (1, 9), (2, 6), (3, 3))
    assert await counted(bench) == [(1, 360, 3 * CALL), (3, 360, 3 * CALL)]
    for number, days in ((4, 8), (5, 5)):
        await expire(bench, days)
        await send(bench, trace_id, (number, 3))
        assert await counted(bench) == [(1, number * 120, number * CALL), (number, number * 120, number * CALL)]
        # Again, with the row that there is now; and what was sent before changes nothing.
        await send(bench, trace_id, (number, 3))
        assert await counted(bench) == [(1, number * 120, number * CALL), (number, number * 120, number * CALL)]
    (trace,) = await bench.rows("traces")
    assert (trace["span_count"], trace["cost_nano"]) == (3, 3 * CALL)


async def test_repricing_what_is_left_leaves_what_expired(bench: Bench, metadata: Pool) -> None:
    await send(bench, os.urandom(16), (1, 9), (2, 3))
    await expire(bench, 8)
    await bench.pool.execute("update price_versions set replaced_at = now() where workspace_id = $1", WORKSPACE)
    await add_price(bench, "gpt-4o", {"input": 2, "output": 2})
    await do(bench, metadata, "reprice", window())
    assert await counted(bench) == [(1, 240, 3 * CALL), (2, 240, 3 * CALL)]


async def test_a_trace_of_which_nothing_is_left_begins_anew(bench: Bench) -> None:
    trace_id = os.urandom(16)
    await send(bench, trace_id, (1, 9), (2, 8))
    await expire(bench, 7)
    await send(bench, trace_id, (3, 3))
    assert await counted(bench) == [(2, 360, 3 * CALL), (3, 360, 3 * CALL)]
