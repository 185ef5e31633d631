"""From a price that a user gives to the cost of spans: new ones at once, stored ones as the dry run said."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processing.tests.jobs_support import OWNER, add_workspace, check_rollups, read, run
from processing.tests.support import (
    SECOND,
    WORKSPACE,
    WORKSPACE_ID,
    Bench,
    llm_span,
    open_bench,
    settings_for,
    trace_body,
)
from query.tests.conftest import INTERNAL_SECRET, Api, calling, make_settings
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer
from shared.database import Pool, create_pool
from shared.ids import span_hex
from shared.jobs.store import Job, find

PRICES = "/api/v1/prices"
# Each span reads 100 tokens and writes 20.
RATES = {"input": 100, "output": 1000}
COST = 0.03


@dataclass
class Market:
    """A workspace whose prices change while a worker stores its spans and others run its jobs."""

    bench: Bench
    api: Api
    metadata: Pool
    headers: Mapping[str, str]

    async def call(self, method: str, path: str, body: Any = None, status: tuple[int, ...] = (200, 201)) -> Any:
        answer = await self.api.client.request(method, path, json=body, headers=dict(self.headers))
        assert answer.status_code in status, answer.text
        return answer.json()["data"]

    async def send(self) -> uuid.UUID:
        """Store a trace of one call of a model that the catalogue does not know."""
        trace_id = uuid.uuid4()
        model: dict[str, Any] = {"gen_ai__request__model": "in-house", "gen_ai__response__model": "In-House"}
        await self.bench.send(trace_body(llm_span(trace_id.bytes, 1, start=time.time_ns() - 60 * SECOND, **model)))
        await self.bench.drain()
        return trace_id

    async def cost(self, trace_id: uuid.UUID) -> tuple[float | None, str, int | None]:
        span = await self.call("GET", f"/api/v1/traces/{trace_id.hex}/spans/{span_hex(1)}")
        trace = await self.call("GET", f"/api/v1/traces/{trace_id.hex}")
        assert (trace["cost_usd"], trace["cost_source"]) == (span["cost_usd"], span["cost_source"])
        return span["cost_usd"], span["cost_source"], span["price_id"]

    async def send_until(self, price_id: int) -> tuple[list[uuid.UUID], uuid.UUID]:
        """Send traces until one is priced by a price; return those that were not, and it."""
        earlier: list[uuid.UUID] = []
        async with asyncio.timeout(30):
            while (await self.cost(trace_id := await self.send()))[2] != price_id:
                earlier.append(trace_id)
                await asyncio.sleep(0.1)
        return earlier, trace_id

    async def reprice(self, *, dry_run: bool) -> Any:
        """Return what repricing tells, once its job was run."""
        now = datetime.now(UTC)
        body = {"from": (now - timedelta(days=1)).isoformat(), "to": now.isoformat(), "dry_run": dry_run}
        asking = asyncio.create_task(self.call("POST", f"{PRICES}/reprice", body, (200, 202)))
        job: Job | None = None
        async with asyncio.timeout(20):
            while job is None:
                assert not asking.done() or not asking.exception()
                identifier = await self.metadata.fetchval("select job_id from jobs where status = 'queued'")
                if identifier is not None:
                    async with self.metadata.acquire() as connection:
                        job = await find(connection, uuid.UUID(WORKSPACE_ID), identifier)
                await asyncio.sleep(0.02)
        await run(self.bench, self.metadata, job)
        told = await asking
        assert told["job_id"] == str(job.job_id)
        ended = await read(self.metadata, job)
        assert ended.status == "succeeded", ended
        if dry_run:
            assert (told["status"], told["result"]) == ("succeeded", ended.result)
        return ended.result


@asynccontextmanager
async def open_market(
    traces_url: str, metadata_url: str, redis_url: str, *, seconds: float = 3600.0, queue_url: str | None = None
) -> AsyncIterator[Market]:
    """Run everything.

    Args:
        traces_url: The traces database.
        metadata_url: The metadata database.
        redis_url: Redis of the worker.
        seconds: After so long prices are read again even if nobody said that they changed.
        queue_url: Redis of the query service; the same unless given.
    """
    metadata = await create_pool(metadata_url, service="tests", size=3)
    await add_workspace(metadata)
    context = AuthContext(WORKSPACE_ID, WORKSPACE, "user", str(OWNER), role="owner")
    token = InternalTokenIssuer(INTERNAL_SECRET).issue(context, "query")
    changes = {"postgres_url": metadata_url, "redis_url": queue_url or redis_url}
    async with (
        open_bench(settings_for(traces_url, metadata_url, redis_url)) as bench,
        bench.worker(processing_price_seconds=seconds),
        calling(make_settings(traces_url).model_copy(update=changes)) as api,
    ):
        try:
            yield Market(bench, api, metadata, {TOKEN_HEADER: token, WORKSPACE_HEADER: WORKSPACE_ID})
        finally:
            await bench.pool.execute("delete from price_versions where workspace_id is not null")
    await metadata.close()


@pytest.fixture
async def market(each_traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Market]:
    async with open_market(each_traces_url, metadata_url, redis_url) as opened:
        yield opened


async def test_a_price_holds_for_new_spans_at_once_and_for_stored_ones_as_the_dry_run_said(market: Market) -> None:
    first = await market.send()
    assert await market.cost(first) == (None, "unpriced", None)
    overview = await market.call("GET", "/api/v1/cost/overview")
    assert (overview["cost_usd"]["value"], overview["unpriced_spans"]) == (0, 1)

    price = await market.call("POST", PRICES, {"provider": "OpenAI", "model": "in-house", "prices": RATES})
    earlier, new = await market.send_until(price["id"])
    assert await market.cost(new) == (COST, "override", price["id"])
    stale = [first, *earlier]

    said = await market.reprice(dry_run=True)
    counts = (said["traces"], said["traces_changed"], said["spans_changed"], said["newly_priced"])
    assert counts == (len(stale) + 1, *[len(stale)] * 3)
    assert (said["cost_before_usd"], said["cost_after_usd"]) == (COST, pytest.approx(COST * (len(stale) + 1)))
    for trace_id in stale:
        assert await market.cost(trace_id) == (None, "unpriced", None)

    done = await market.reprice(dry_run=False)
    assert done == {**said, "dry_run": False}
    for trace_id in stale:
        assert await market.cost(trace_id) == (COST, "override", price["id"])
    assert (await market.reprice(dry_run=True))["spans_changed"] == 0
    await check_rollups(market.bench)
    # What was kept of the first answer is forgotten as soon as the change was told.
    async with asyncio.timeout(20):
        while True:
            overview = await market.call("GET", "/api/v1/cost/overview")
            if overview["unpriced_spans"] == 0:
                break
            await asyncio.sleep(0.1)
    assert overview["cost_usd"]["value"] == pytest.approx(COST * (len(stale) + 1))


async def test_spans_lead_to_the_price_that_was_replaced_until_they_are_repriced(market: Market) -> None:
    price = await market.call("POST", PRICES, {"model": "in-house", "prices": RATES})
    earlier, old = await market.send_until(price["id"])
    doubled = {"input": 200, "output": 2000}
    corrected = await market.call("PUT", f"{PRICES}/{price['id']}", {"prices": doubled})
    later, new = await market.send_until(corrected["id"])
    assert await market.cost(new) == (COST * 2, "override", corrected["id"])
    assert await market.cost(old) == (COST, "override", price["id"])
    history = await market.call("GET", f"{PRICES}/{price['id']}")
    assert (history["state"], history["replaced_at"]) == ("replaced", corrected["created_at"])

    said = await market.reprice(dry_run=True)
    assert said["by_model"] == [
        {
            "provider": "openai",
            "model": "In-House",
            "is_other": False,
            "spans": said["spans"],
            "before_usd": pytest.approx(COST * (1 + len(later)) + COST * 2),
            "after_usd": pytest.approx(COST * 2 * said["spans"]),
        }
    ]
    assert said["spans"] == len(earlier) + len(later) + 2
    assert await market.reprice(dry_run=False) == {**said, "dry_run": False}
    assert await market.cost(old) == (COST * 2, "override", corrected["id"])

    await market.call("DELETE", f"{PRICES}/{corrected['id']}")
    said = await market.reprice(dry_run=True)
    assert (said["newly_unpriced"], said["cost_after_usd"]) == (said["spans"], 0)
    assert await market.reprice(dry_run=False) == {**said, "dry_run": False}
    assert await market.cost(old) == (None, "unpriced", None)
    await check_rollups(market.bench)


async def test_a_price_that_could_not_be_told_holds_after_a_while(
    traces_url: str, metadata_url: str, redis_url: str
) -> None:
    away = "redis://127.0.0.1:1/0"
    async with open_market(traces_url, metadata_url, redis_url, seconds=0.3, queue_url=away) as market:
        price = await market.call("POST", PRICES, {"model": "in-house", "prices": RATES})
        _, new = await market.send_until(price["id"])
        assert await market.cost(new) == (COST, "override", price["id"])
