"""One platform for all scenarios of a module, and a workspace with its ledger for each scenario."""

import asyncio
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.testing.databases import server_folder
from tests.faults.platform import SERVICES, Platform
from tests.faults.traffic import Ledger, LedgerClient


@pytest.fixture(scope="module")
def running_platform() -> Iterator[Platform]:
    """Yield a platform whose services are all ready."""
    with server_folder() as folder:
        platform = Platform(folder)
        try:
            asyncio.run(platform.set_up())
            platform.start()
            platform.bystander, _ = platform.register("bystander")
            yield platform
        finally:
            platform.tear_down()


@pytest.fixture
def platform(running_platform: Platform) -> Platform:
    """Return the platform with everything running that an earlier scenario left stopped."""
    for store in (running_platform.postgres, running_platform.valkey, running_platform.cache):
        if store.process is None or store.process.poll() is not None:
            store.start()
    stopped = [name for name in SERVICES if name not in running_platform.processes]
    if stopped:
        running_platform.start(*stopped)
    return running_platform


@dataclass
class Scenario:
    """A workspace of its own and a client with a ledger."""

    platform: Platform
    workspace: str
    key: str
    client: LedgerClient
    pick: random.Random

    @property
    def ledger(self) -> Ledger:
        """Return the client's ledger."""
        return self.client.ledger


@pytest.fixture
def scenario(platform: Platform, tmp_path: Path) -> Scenario:
    """Return a scenario whose seed is printed when it fails."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    workspace, key = platform.register("scenario")
    ledger = Ledger(tmp_path / "acknowledged")
    client = LedgerClient(f"{platform.url('ingestion')}/v1/traces", key, ledger)
    return Scenario(platform, workspace, key, client, random.Random(seed))
