"""A workspace with its ledger for each scenario."""

import random
import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.platform import Platform
from tests.harness.traffic import Ledger, LedgerClient


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
