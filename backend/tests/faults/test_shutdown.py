"""Services that are told to stop: readiness first, nothing acknowledged is lost, exit in time."""

import asyncio

import pytest

from tests.faults.conftest import Scenario
from tests.harness.platform import wait_until
from tests.harness.verdict import check_verdict

# Waiting for recovery may take minutes on a busy machine.
pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("service", ["ingestion", "processing", "gateway", "query"])
async def test_F41_terminated_under_load(scenario: Scenario, service: str) -> None:
    platform = scenario.platform
    load = asyncio.create_task(scenario.client.flood(scenario.pick, 40))
    await asyncio.sleep(0.3)
    assert await asyncio.to_thread(platform.terminate, service) == 0
    await asyncio.to_thread(platform.start, service)
    await load
    result = await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] == scenario.ledger.sent


async def test_F41_readiness_fails_before_the_port_closes(scenario: Scenario) -> None:
    platform = scenario.platform
    platform.kill("ingestion")
    platform.start("ingestion", extra={"DRAIN_SECONDS": "3"})
    platform.processes["ingestion"].terminate()
    wait_until(lambda: platform.status("ingestion", "/ready") == 503, "readiness to fail", 3)
    assert platform.status("ingestion", "/health") == 200, "requests are served while traffic moves away"
    assert platform.processes.pop("ingestion").wait(20) == 0
    platform.start("ingestion")


async def test_F41_worker_terminated_while_the_database_is_down(scenario: Scenario) -> None:
    platform = scenario.platform
    await scenario.client.flood(scenario.pick, 5)
    platform.kill_store(platform.postgres)
    await scenario.client.flood(scenario.pick, 5)
    await asyncio.sleep(0.5)
    assert platform.terminate("processing") == 0
    platform.postgres.start()
    platform.start("processing")
    result = await check_verdict(platform, scenario.ledger, scenario.workspace, scenario.key)
    assert result["stored"] == scenario.ledger.sent
