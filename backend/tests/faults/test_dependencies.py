"""Stores that are slow, full, gone or unreachable: answers stay prompt, and recovery needs nobody."""

import asyncio
import time

import asyncpg
import httpx
import pytest
from redis import Redis

from tests.faults.conftest import Scenario
from tests.harness.platform import frozen, wait_until
from tests.harness.proxy import Mode
from tests.harness.traffic import make_spans
from tests.harness.verdict import check_verdict, wait_until_drained

# Waiting for recovery may take minutes on a busy machine.
pytestmark = pytest.mark.timeout(300)


async def _dead_letters(scenario: Scenario) -> int:
    connection = await asyncpg.connect(scenario.platform.postgres.dsn("traces"))
    try:
        return int(await connection.fetchval("select count(*) from dead_letters"))
    finally:
        await connection.close()


async def test_F08_without_the_cache_everything_goes_on(scenario: Scenario) -> None:
    platform = scenario.platform
    platform.kill_store(platform.cache)
    assert await scenario.client.send(make_spans(scenario.pick, 3))
    async with httpx.AsyncClient(base_url=platform.url("gateway"), timeout=20) as client:
        answer = await client.get("/api/v1/traces", headers={"Authorization": f"Bearer {scenario.key}"})
        assert answer.status_code == 200
        wrong = [
            (
                await client.post("/api/v1/auth/login", json={"email": "a@example.com", "password": "not-the-one"})
            ).status_code
            for _ in range(30)
        ]
    assert set(wrong) == {401, 429}, "the login limit must hold without the cache"
    platform.cache.start()
    assert await scenario.client.send(make_spans(scenario.pick, 3))
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)


async def test_F10_a_hanging_queue_is_answered_with_503(scenario: Scenario) -> None:
    platform = scenario.platform
    assert platform.valkey.process is not None
    assert await scenario.client.send(make_spans(scenario.pick, 1))
    with frozen(platform.valkey.process):
        started = time.monotonic()
        answers = await asyncio.gather(*(scenario.client.send(make_spans(scenario.pick, 1)) for _ in range(8)))
        assert not any(answers)
        assert time.monotonic() - started < 30
        assert await asyncio.to_thread(platform.status, "ingestion", "/health") == 200
    assert await scenario.client.send(make_spans(scenario.pick, 1), attempts=50)
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)


async def test_F10_a_hanging_database_holds_nobody_up(scenario: Scenario) -> None:
    platform = scenario.platform
    assert platform.postgres.process is not None
    assert await scenario.client.send(make_spans(scenario.pick, 1))
    with frozen(platform.postgres.process):
        assert await scenario.client.send(make_spans(scenario.pick, 5)), "ingestion needs no database for a known key"
        assert await asyncio.to_thread(platform.status, "gateway", "/health") == 200
        assert await asyncio.to_thread(platform.status, "gateway", "/ready") == 503
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)


async def test_F11_the_database_is_stopped_and_started_under_load(scenario: Scenario) -> None:
    platform = scenario.platform
    assert await scenario.client.send(make_spans(scenario.pick, 1))
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 40))
    await asyncio.sleep(0.2)
    platform.kill_store(platform.postgres)
    assert await scenario.client.send(make_spans(scenario.pick, 5)), "the queue has room"
    await load
    await asyncio.sleep(3)
    platform.postgres.start()
    result = await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] == scenario.ledger.sent
    assert await _dead_letters(scenario) == 0, "a dependency error must not burn attempts"


async def test_F16_a_full_queue_refuses_and_recovers(scenario: Scenario) -> None:
    platform = scenario.platform
    platform.kill("processing", "processing-2")
    with Redis.from_url(platform.valkey.url()) as client:
        used = client.info("memory")["used_memory"]
        client.config_set("maxmemory", used + 8 * 2**20)
        for _ in range(400):
            spans = make_spans(scenario.pick, 20)
            for span in spans:
                # Text that does not compress, so that the queue fills.
                span.attributes.add(key="filler").value.string_value = scenario.pick.randbytes(2000).hex()
            if not await scenario.client.send(spans):
                break
        assert 503 in scenario.ledger.statuses
        assert set(scenario.ledger.statuses) <= {200, 503}
        platform.start("processing", "processing-2")
        await asyncio.to_thread(wait_until_drained, platform)
        assert await scenario.client.send(make_spans(scenario.pick, 1), attempts=50), "recovers by itself"
        client.config_set("maxmemory", "256mb")
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)


async def test_F17_backlog_at_its_bound_is_refused_before_anything_is_trimmed(scenario: Scenario) -> None:
    platform = scenario.platform
    platform.kill("processing", "processing-2", "ingestion")
    platform.start("ingestion", extra={"MAX_BACKLOG_ENTRIES": "20"})
    for _ in range(60):
        await scenario.client.send(make_spans(scenario.pick, 1))
        await asyncio.sleep(0.02)
    assert scenario.ledger.statuses.get(503), scenario.ledger.statuses
    with Redis.from_url(platform.valkey.url()) as client:
        assert client.xlen("traces:pending") <= 60
    platform.start("processing", "processing-2")
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    platform.kill("ingestion")


async def test_F22_connections_cut_in_the_middle(scenario: Scenario) -> None:
    platform = scenario.platform
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 80))
    for _ in range(8):
        await asyncio.sleep(0.1)
        platform.database_proxy.cut_after(scenario.pick.randrange(2_000, 60_000))
        platform.queue_proxy.reset()
    await load
    platform.database_proxy.reset()
    result = await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] >= scenario.ledger.acked


async def test_F20_queue_unreachable_then_back(scenario: Scenario) -> None:
    platform = scenario.platform
    platform.queue_proxy.set_mode(Mode.REFUSE)
    assert not await scenario.client.send(make_spans(scenario.pick, 1))
    assert scenario.ledger.statuses == {503: 1}
    wait_until(lambda: platform.status("ingestion", "/ready") == 503, "ingestion to say that it is not ready")
    platform.queue_proxy.set_mode(Mode.PASS)
    assert await scenario.client.send(make_spans(scenario.pick, 1), attempts=100)
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
