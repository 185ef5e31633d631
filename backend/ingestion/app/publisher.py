"""Writes accepted requests to the durable queue, many of them in one entry when they come together."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

import zstandard
from redis.exceptions import RedisError

from ingestion.app.bodies import INLINE_BYTES
from ingestion.app.metrics import BATCH_BYTES, BATCHES
from shared.errors import UnavailableError
from shared.logging import get_logger
from shared.streams.contracts import PendingRequest
from shared.streams.queue import PendingQueue

MAX_ENTRY_REQUESTS = 256
MAX_ENTRY_BYTES = 4 * 1024 * 1024
# A body of this size gains nothing from company and would only delay it.
ALONE_BYTES = 128 * 1024
_LEVEL = 1
_CONCURRENT_APPENDS = 16

logger = get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    request: PendingRequest
    body: bytes
    written: "asyncio.Future[None]"


class Publisher:
    """Group commit: requests that arrive while an entry is being written share the next one.

    Each caller goes on only when its own entry is in the queue. An append whose outcome is not known is reported as
    failed; the client sends again, and what is stored twice is recognised by its identity.
    """

    def __init__(self, queue: PendingQueue, wrote: Callable[[int, int], None]) -> None:
        """Build a publisher.

        Args:
            queue: Where entries go.
            wrote: Told the number of entries and compressed bytes of each append.
        """
        self._queue = queue
        self._wrote = wrote
        self._waiting: list[_Waiting] = []
        self._runner: asyncio.Task[None] | None = None
        self._appends = asyncio.Semaphore(_CONCURRENT_APPENDS)
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._next_shard = 0

    async def publish(self, request: PendingRequest, body: bytes) -> None:
        """Return when the request is in the durable queue.

        Raises:
            UnavailableError: The queue refused it or cannot be reached.
        """
        request.size = len(body)
        if request.size >= ALONE_BYTES:
            await self._append([request], body)
            return
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(request, body, written))
        if self._runner is None:
            self._runner = loop.create_task(self._run())
        await written

    async def close(self) -> None:
        """Wait until everything that waits is written."""
        while self._runner is not None:
            await asyncio.shield(self._runner)

    async def _run(self) -> None:
        # One turn of the loop lets the other requests of this turn join.
        await asyncio.sleep(0)
        try:
            while self._waiting:
                batch = self._next_batch()
                try:
                    await self._append([item.request for item in batch], b"".join(item.body for item in batch))
                except Exception as error:
                    _fail(batch, error)
                else:
                    for item in batch:
                        if not item.written.done():
                            item.written.set_result(None)
        finally:
            self._runner = None

    def _next_batch(self) -> list[_Waiting]:
        size = count = 0
        for item in self._waiting[:MAX_ENTRY_REQUESTS]:
            size += len(item.body)
            if count and size > MAX_ENTRY_BYTES:
                break
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _append(self, requests: list[PendingRequest], bodies: bytes) -> None:
        shard, self._next_shard = self._next_shard, self._next_shard + 1
        if len(bodies) > INLINE_BYTES:
            # A compressor must not be used by two threads at a time.
            data = await asyncio.to_thread(zstandard.ZstdCompressor(level=_LEVEL).compress, bodies)
        else:
            data = self._compressor.compress(bodies)
        try:
            async with self._appends:
                await self._queue.append(shard, requests, data)
        except (RedisError, OSError) as error:
            logger.warning("append_failed", error=type(error).__name__, requests=len(requests), bytes=len(data))
            raise UnavailableError(
                "The queue does not take the request at the moment; send it again.",
                retry_after=random.randint(1, 5),
                code="queue_unavailable",
            ) from error
        BATCHES.inc()
        BATCH_BYTES.inc(len(data))
        self._wrote(1, len(data))


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for item in batch:
        if not item.written.done():
            item.written.set_exception(error)
            # A request that was cancelled meanwhile no longer looks at its future.
            item.written.exception()
