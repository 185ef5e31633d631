"""A worker with everything it needs, and prices that follow the table."""

import asyncio
import time
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from processing.app.config import Settings
from processing.app.consumer.worker import Worker
from processing.app.publisher import Relay
from processing.app.queries.prices import load_prices, refresh_prices
from processing.app.queries.storing import TraceStore
from processing.app.storing import StoppingError, Storer
from shared.database import Pool, is_dependency_error
from shared.logging import get_logger
from shared.pricing.book import PriceBook
from shared.pricing.changes import read_price_changes
from shared.streams.queue import PendingQueue

# How soon a new price holds.
_LOOK_SECONDS = 0.5
# However often prices change, reading them takes no more than this share of the time.
_MOST_SHARE = 0.1

logger = get_logger(__name__)


class Pipeline:
    """Runs a worker; started anew, it begins with prices read again and a consumer name of its own.

    Args:
        writer: Pool of the traces database.
        client: Redis of the queue, for the worker alone.
        queue: The pending streams, on the same client.
        stopping: Set when the process stops.
        relay: Told after each batch that was stored.
        settings: Sizes and times.
    """

    def __init__(
        self,
        writer: Pool,
        client: Redis,
        queue: PendingQueue,
        stopping: asyncio.Event,
        relay: Relay,
        settings: Settings,
    ) -> None:
        self._writer = writer
        self._client = client
        self._queue = queue
        self._stopping = stopping
        self._relay = relay
        self._settings = settings

    async def run(self) -> None:
        """Store what arrives until told to stop."""
        storer = Storer(TraceStore(self._writer), PriceBook(()), self._stopping)
        try:
            storer.book = await storer.patiently(lambda: load_prices(self._writer))
        except StoppingError:
            return
        worker = Worker(self._client, self._queue, storer, self._stopping, self._relay.announce, self._settings)
        refreshing = asyncio.create_task(self._follow_prices(storer.book))
        try:
            await worker.run()
        finally:
            refreshing.cancel()
            with suppress(asyncio.CancelledError):
                await refreshing

    async def _follow_prices(self, book: PriceBook) -> None:
        """Read prices again soon after somebody said that they changed, and now and then in case nobody could."""
        # Whatever changed while the book was read for the first time shows at the first look.
        seen: object = object()
        due = took = 0.0
        while True:
            look = min(_LOOK_SECONDS, self._settings.processing_price_seconds)
            await asyncio.sleep(max(look, took / _MOST_SHARE))
            took = 0.0
            said: object = seen
            with suppress(RedisError, OSError, TimeoutError):
                said = await read_price_changes(self._client)
            if said == seen and time.monotonic() < due:
                continue
            began = time.monotonic()
            try:
                if await refresh_prices(self._writer, book):
                    took = time.monotonic() - began
                    logger.info("prices_refreshed")
                seen = said
            except Exception as error:
                # Yesterday's prices are better than none.
                if is_dependency_error(error):
                    continue
                logger.exception("prices_not_refreshed")
                seen = said
            due = time.monotonic() + self._settings.processing_price_seconds
