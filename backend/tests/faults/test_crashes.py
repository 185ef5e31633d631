"""Processes that die at the worst moment: what was acknowledged is stored, once."""

import asyncio
import signal

import pytest

from tests.faults.conftest import Scenario
from tests.harness.platform import SERVICES
from tests.harness.traffic import make_spans
from tests.harness.verdict import check_verdict

# Waiting for recovery may take minutes on a busy machine.
pytestmark = pytest.mark.timeout(300)


async def test_F01_workers_killed_at_random_under_load(scenario: Scenario) -> None:
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 120))
    for _ in range(6):
        await asyncio.sleep(scenario.pick.uniform(0.1, 0.5))
        victim = scenario.pick.choice(["processing", "processing-2"])
        await asyncio.to_thread(scenario.platform.kill, victim)
        await asyncio.to_thread(scenario.platform.start, victim)
    await load
    await check_verdict(scenario.platform, scenario.ledger, scenario.workspace, scenario.key)
    assert len(scenario.ledger.acked) == 120 * 70


async def test_F02_ingestion_killed_while_clients_send(scenario: Scenario) -> None:
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 60))
    for _ in range(3):
        await asyncio.sleep(scenario.pick.uniform(0.05, 0.4))
        await asyncio.to_thread(scenario.platform.kill, "ingestion")
        await asyncio.to_thread(scenario.platform.start, "ingestion")
    await load
    result = await check_verdict(scenario.platform, scenario.ledger, scenario.workspace, scenario.key)
    # Whoever got no answer sent the same request again: every span is acknowledged in the end, and stored once.
    assert result["stored"] == scenario.ledger.sent


async def test_F04_every_service_killed_in_turn_and_then_all_at_once(scenario: Scenario) -> None:
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 80, attempts=400))
    for name in SERVICES:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(scenario.platform.kill, name)
        await asyncio.to_thread(scenario.platform.start, name)
    await asyncio.sleep(0.2)
    await asyncio.to_thread(scenario.platform.kill)
    await asyncio.to_thread(scenario.platform.start)
    await load
    result = await check_verdict(scenario.platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] == scenario.ledger.sent


async def test_F04_seven_thousand_acknowledged_spans_survive_the_death_of_every_process(scenario: Scenario) -> None:
    platform = scenario.platform
    await scenario.client.flood(scenario.pick, 100, attempts=1)
    assert len(scenario.ledger.acked) == 7000
    platform.kill()
    platform.kill_store(platform.valkey)
    platform.kill_store(platform.postgres)
    platform.postgres.start()
    platform.valkey.start()
    platform.start()
    result = await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] == scenario.ledger.acked
    assert result["stats"]["stored"] == 7000


async def test_F05_queue_killed_keeps_every_acknowledged_span(scenario: Scenario) -> None:
    platform = scenario.platform
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 60))
    await asyncio.sleep(0.3)
    platform.kill_store(platform.valkey)
    assert not await scenario.client.send(make_spans(scenario.pick, 1)), "accepted without a queue"
    assert set(scenario.ledger.statuses) <= {200, 503, 0}
    platform.valkey.start()
    await load
    await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)


async def test_F10_a_hanging_worker_that_wakes_up_late_changes_nothing(scenario: Scenario) -> None:
    platform = scenario.platform
    platform.signal("processing", signal.SIGSTOP)
    await scenario.client.flood(scenario.pick, 40)
    await asyncio.sleep(4)
    platform.signal("processing", signal.SIGCONT)
    result = await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] == scenario.ledger.sent
