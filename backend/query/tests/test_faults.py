"""What the query service answers while its database is slow, full or away."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from query.app import main
from query.tests.conftest import WORKSPACE, Api, calling, make_settings
from shared.database import ACQUIRE_SECONDS, create_pool
from shared.testing.traces import store_trace

KPIS = "/api/v1/metrics/home-kpis"
STATEMENT_SECONDS = 1.0


@pytest.fixture
async def hurried(traces_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    """Yield the service with two connections and statements that end after a second."""

    async def impatient(url: str, **options: Any) -> Any:
        return await create_pool(url, **{**options, "statement_seconds": STATEMENT_SECONDS, "size": 2})

    monkeypatch.setattr(main, "create_pool", impatient)
    async with calling(make_settings(traces_url)) as api:
        yield api


async def test_F18_a_database_that_hangs_costs_a_statement_timeout_and_no_more(
    hurried: Api, database: asyncpg.Connection, traces_url: str
) -> None:
    await store_trace(database, WORKSPACE, "one")
    blocker = await asyncpg.connect(traces_url)
    block = blocker.transaction()
    await block.start()
    await blocker.execute("lock table traces in access exclusive mode")
    began = time.monotonic()
    answers = await asyncio.gather(*(hurried.get("/api/v1/traces") for _ in range(20)))
    waited = time.monotonic() - began
    assert {answer.status_code for answer in answers} == {503}
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    # The first two wait for their statement, the others no longer than for a connection.
    assert waited < ACQUIRE_SECONDS + 3 * STATEMENT_SECONDS + 2
    assert (await hurried.client.get("/health")).status_code == 200
    await block.rollback()
    await blocker.close()
    assert (await hurried.read("/api/v1/traces"))["data"][0]["trace_id"] == "one"


async def test_F13_no_connection_left_is_answered_in_time_and_recovers(
    traces_url: str, database: asyncpg.Connection
) -> None:
    await store_trace(database, WORKSPACE, "one")
    async with calling(make_settings(traces_url)) as api, AsyncExitStack() as stack:
        with pytest.raises(asyncpg.PostgresError):
            while True:
                connection = await asyncpg.connect(traces_url, timeout=5)
                stack.push_async_callback(connection.close)
        began = time.monotonic()
        answers = await asyncio.gather(*(api.get(path) for path in ("/api/v1/traces", KPIS) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {503}
        assert time.monotonic() - began < ACQUIRE_SECONDS + 3
        assert (await api.client.get("/health")).status_code == 200
        assert (await api.client.get("/ready")).status_code == 503
        await stack.aclose()
        assert (await api.read("/api/v1/traces"))["data"]
        assert (await api.read(KPIS))["data"]["requests"]["value"] == 1
