"""Folds what storing changed into the rollups, behind it and at a bounded share of the database's time."""

import asyncio
import random
import time
from contextlib import suppress

from shared.database import Pool, is_dependency_error
from shared.logging import get_logger
from shared.rollups.queries import fold
from shared.telemetry import FAILURES

SERVICE = "processing"
_MAX_DELTAS = 50_000
# Readers add what is not folded yet, so folding may wait: it takes at most a twentieth of the time.
_REST_FACTOR = 20
_LONGEST_REST = 15.0
_RETRY_SECONDS = 5.0

logger = get_logger(__name__)


class Folding:
    """Folds once an interval, one process at a time.

    Args:
        pool: Pool of the traces database.
        stopping: Set when the process stops.
        interval: Seconds between two folds at least.
    """

    def __init__(self, pool: Pool, stopping: asyncio.Event, interval: float) -> None:
        self._pool = pool
        self._stopping = stopping
        self._interval = interval

    async def run(self) -> None:
        """Work until told to stop."""
        while not self._stopping.is_set():
            rest = await self._fold()
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._stopping.wait()

    async def _fold(self) -> float:
        """Fold once and return the seconds until the next time."""
        began = time.monotonic()
        try:
            async with self._pool.acquire() as connection:
                folded = await fold(connection, _MAX_DELTAS)
        except Exception as error:
            if not is_dependency_error(error):
                raise
            FAILURES.labels(SERVICE, "folding", "dependency").inc()
            logger.warning("folding_waits", error=type(error).__name__)
            return random.uniform(0.5, 1) * _RETRY_SECONDS
        if folded is not None and folded >= _MAX_DELTAS:
            return 0.0
        # Two processes that fold in turn must not do so in step.
        rest = self._interval * random.uniform(1, 1.5)
        return min(_LONGEST_REST, max(rest, _REST_FACTOR * (time.monotonic() - began)))
