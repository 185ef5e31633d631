"""Regular work beside storing: partitions, expiry, folding of counters, gauges of the pools."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress

from processing.app.config import Settings
from processing.app.queries.upkeep import maintain
from shared.database import Pool, is_dependency_error, observe_pool
from shared.logging import get_logger
from shared.telemetry import FAILURES

SERVICE = "processing"
_GAUGE_SECONDS = 5.0
_RETRY_SECONDS = 60.0

logger = get_logger(__name__)


class Upkeep:
    """Maintains the traces database once an interval, one process at a time.

    Args:
        writer: Pool of the traces database.
        metadata: Pool of the metadata database, which knows how long workspaces keep their data.
        pools: Pools to show in metrics, by name of their database.
        stopping: Set when the process stops.
        settings: Intervals and retention.
    """

    def __init__(
        self, writer: Pool, metadata: Pool, pools: Mapping[str, Pool], stopping: asyncio.Event, settings: Settings
    ) -> None:
        self._writer = writer
        self._metadata = metadata
        self._pools = pools
        self._stopping = stopping
        self._settings = settings

    async def run(self) -> None:
        """Work until told to stop."""
        # Right at the start, since the machine may have been off for days.
        due = time.monotonic()
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                due = time.monotonic() + await self._maintain()
            for database, pool in self._pools.items():
                observe_pool(pool, SERVICE, database)
            with suppress(TimeoutError):
                async with asyncio.timeout(_GAUGE_SECONDS):
                    await self._stopping.wait()

    async def _maintain(self) -> float:
        """Maintain the database and return the seconds until the next time."""
        try:
            is_done = await maintain(self._writer, self._metadata, self._settings.retention_days)
        except Exception as error:
            FAILURES.labels(SERVICE, "maintenance", type(error).__name__).inc()
            if is_dependency_error(error):
                logger.warning("maintenance_waits", error=type(error).__name__)
            else:
                logger.exception("maintenance_failed")
            return random.uniform(0.5, 1) * _RETRY_SECONDS
        if is_done:
            logger.info("maintenance_done")
        return self._settings.processing_maintenance_seconds
