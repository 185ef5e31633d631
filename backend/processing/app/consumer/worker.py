"""The loop that moves entries from the queue into the database."""

import asyncio
import gc
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from processing.app.bodies import RawRequest, cut_entry, unreadable_entry
from processing.app.config import Settings
from processing.app.consumer.entries import Entry, EntryReader
from processing.app.consumer.probing import store_with_probe
from processing.app.consumer.waiting import read_age
from processing.app.metrics import REDELIVERIES, STREAM_LAG
from processing.app.storing import SERVICE, Prepared, StoppingError, Storer
from shared.logging import get_logger
from shared.streams.queue import PendingQueue
from shared.telemetry import FAILURES, STREAM_BACKLOG

_FIRST_READ = 10
_MAX_BATCH_BYTES = 16 * 1024 * 1024
_BATCHES_BETWEEN_COLLECTIONS = 200
_SECONDS_BETWEEN_COLLECTIONS = 60.0
_PROBED_DELIVERIES = 3
_IDLE_CONSUMER_SECONDS = 600.0
_JANITOR_SECONDS = 60.0
_GAUGE_SECONDS = 5.0
_BACKOFF_BASE, _BACKOFF_CAP = 0.1, 5.0

_T = TypeVar("_T")

logger = get_logger(__name__)


class Worker:
    """Reads, stores and settles entries until it is told to stop.

    While PostgreSQL stores one batch, the next is decoded.

    Args:
        client: Redis of the queue, for this worker alone.
        queue: The pending streams.
        storer: Stores batches; it shares ``stopping``.
        stopping: Set when the worker has to come to an end.
        announce: Called after each batch that was stored.
        settings: Sizes and times.
    """

    def __init__(
        self,
        client: Redis,
        queue: PendingQueue,
        storer: Storer,
        stopping: asyncio.Event,
        announce: Callable[[], None],
        settings: Settings,
    ) -> None:
        self.reader = EntryReader(client, queue, settings.processing_min_idle_seconds)
        self._client = client
        self._queue = queue
        self._storer = storer
        self._stopping = stopping
        self._announce = announce
        self._settings = settings
        self._held: set[Entry] = set()
        self._waiting: deque[Entry] = deque()
        self._commit: asyncio.Task[None] | None = None
        self._next_claim = 0.0
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Work until told to stop; on return nothing is pending here that could be handed back."""
        await self._patiently(self.reader.create_groups)
        helpers = [
            asyncio.create_task(self._regularly(self._keep, self._settings.processing_min_idle_seconds / 3)),
            asyncio.create_task(self._regularly(self._clean_up, _JANITOR_SECONDS)),
            asyncio.create_task(self._regularly(self._measure, _GAUGE_SECONDS)),
        ]
        try:
            await self._loop()
        except StoppingError:
            logger.info("worker_stopping", held=len(self._held))
        except asyncio.CancelledError:
            if self._commit is not None:
                self._commit.cancel()
            raise
        finally:
            if self._commit is not None:
                await asyncio.wait([self._commit])
            # Told rather than cancelled, which the Redis client may swallow in the middle of a command.
            self._ended.set()
            await asyncio.wait(helpers)
            await self._leave()

    async def _loop(self) -> None:
        batches = 0
        collected = time.monotonic()
        while not self._stopping.is_set():
            entry = await self._take_over()
            if entry is not None:
                REDELIVERIES.inc()
                await self._join_commit()
                await self._store_alone(entry)
                self._next_claim = 0.0
                continue
            entries = await self._next_batch()
            if entries:
                await self._store_pipelined(entries)
                batches += 1
            if batches >= _BATCHES_BETWEEN_COLLECTIONS or time.monotonic() - collected > _SECONDS_BETWEEN_COLLECTIONS:
                gc.collect()
                batches, collected = 0, time.monotonic()

    async def _take_over(self) -> Entry | None:
        if time.monotonic() < self._next_claim:
            return None
        entry = await self._patiently(self.reader.take_over)
        if entry is None:
            self._next_claim = time.monotonic() + self._settings.processing_min_idle_seconds / 2
        else:
            self._held.add(entry)
        return entry

    async def _next_batch(self) -> list[Entry]:
        """Return new entries that make about one transaction, waiting a little for the first."""
        settings = self._settings
        if not self._waiting:
            # With a commit under way there is work to finish, and what comes meanwhile makes a fuller batch.
            await self._read(_FIRST_READ, settings.processing_block_seconds)
        while self._waiting:
            items = max(1, sum(entry.items for entry in self._waiting))
            # As many more as fill the batch if they are like those at hand.
            wanted = (settings.processing_batch_items - items) * len(self._waiting) // items
            count = min(wanted, settings.processing_batch_entries - len(self._waiting))
            if count <= 0 or not await self._read(count, None):
                break
        return self._take_batch()

    async def _read(self, count: int, block_seconds: float | None) -> int:
        entries = await self._patiently(lambda: self._read_once(count, block_seconds))
        self._waiting.extend(entries)
        self._held.update(entries)
        return len(entries)

    async def _read_once(self, count: int, block_seconds: float | None) -> list[Entry]:
        try:
            return await self.reader.read(count, block_seconds)
        except ResponseError as error:
            if not str(error).startswith("NOGROUP"):
                raise
            # The queue was emptied under us.
            await self.reader.create_groups()
            return []

    def _take_batch(self) -> list[Entry]:
        batch: list[Entry] = []
        items = size = 0
        while self._waiting:
            entry = self._waiting[0]
            is_full = items + entry.items > self._settings.processing_batch_items or (
                size + entry.size > _MAX_BATCH_BYTES
            )
            if batch and is_full:
                break
            items += entry.items
            size += entry.size
            batch.append(self._waiting.popleft())
        return batch

    async def _store_pipelined(self, entries: list[Entry]) -> None:
        try:
            prepared = await self._storer.prepare([raw for entry in entries for raw in cut_entry_or_poison(entry)])
        except StoppingError:
            raise
        except Exception:
            await self._join_commit()
            self._give_up(entries, "prepare")
            return
        await self._join_commit()
        self._commit = asyncio.create_task(self._finish(prepared, entries))

    async def _join_commit(self) -> None:
        if self._commit is not None:
            commit, self._commit = self._commit, None
            await commit

    async def _finish(self, prepared: Prepared, entries: list[Entry]) -> None:
        """Commit and settle; entries that cannot be are left to a later delivery."""
        try:
            await self._storer.commit(prepared)
            await self._settle(entries)
        except StoppingError:
            return
        except Exception:
            self._give_up(entries, "commit")

    async def _store_alone(self, entry: Entry) -> None:
        """Store an entry that was delivered before by itself, item by item if it keeps coming back."""
        try:
            requests = cut_entry_or_poison(entry)
            if entry.deliveries >= _PROBED_DELIVERIES:
                await store_with_probe(
                    self._client, self._storer, entry, requests, self._settings.processing_max_deliveries
                )
            else:
                await self._storer.commit(await self._storer.prepare(requests, redelivered=True))
            await self._settle([entry])
        except StoppingError:
            raise
        except Exception:
            self._give_up([entry], "redelivery")

    async def _settle(self, entries: list[Entry]) -> None:
        self._announce()
        await self._patiently(lambda: self.reader.settle(entries))
        self._held.difference_update(entries)

    def _give_up(self, entries: Sequence[Entry], operation: str) -> None:
        FAILURES.labels(SERVICE, operation, "unexpected").inc()
        logger.exception("entries_not_stored", entries=[entry.id.decode() for entry in entries], operation=operation)
        self._held.difference_update(entries)

    async def _keep(self) -> None:
        if self._held:
            await self.reader.keep(list(self._held))

    async def _clean_up(self) -> None:
        removed = await self.reader.remove_idle(
            max(_IDLE_CONSUMER_SECONDS, 4 * self._settings.processing_min_idle_seconds)
        )
        if removed:
            logger.info("idle_consumers_removed", count=removed)

    async def _measure(self) -> None:
        backlog = await self._queue.backlog()
        for unit in ("entries", "items", "bytes"):
            STREAM_BACKLOG.labels(SERVICE, "traces:pending", unit).set(getattr(backlog, unit))
        for stream in self._queue.streams:
            STREAM_LAG.labels(stream).set(await read_age(self._queue, stream))

    async def _leave(self) -> None:
        """Hand back what is held and take this consumer's name off the group."""
        with suppress(RedisError, OSError, TimeoutError):
            if self._held:
                await self.reader.release(list(self._held))
                logger.info("entries_released", count=len(self._held))
            # What was released stays pending with this name until another worker takes it over.
            await self.reader.remove_self()

    async def _regularly(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while not self._ended.is_set():
            try:
                await work()
            except (RedisError, OSError, TimeoutError) as error:
                logger.warning("queue_unreachable", error=type(error).__name__)
            except Exception:
                logger.exception("upkeep_failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._ended.wait()

    async def _patiently(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do something that needs Redis, as often as it takes while Redis cannot be reached."""
        attempt = 0
        while True:
            try:
                return await work()
            except (RedisError, OSError, TimeoutError) as error:
                FAILURES.labels(SERVICE, "queue", "dependency").inc()
                delay = random.uniform(0, min(_BACKOFF_CAP, _BACKOFF_BASE * 2**attempt))
                attempt += 1
                logger.warning("queue_unreachable", error=type(error).__name__, retry_seconds=round(delay, 2))
            if self._stopping.is_set():
                raise StoppingError
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()


def cut_entry_or_poison(entry: Entry) -> list[RawRequest]:
    """Return the requests of an entry; what cannot be told apart is marked to become dead letters."""
    if entry.requests is None:
        logger.error("entry_unreadable", entry=entry.id.decode(), stream=entry.stream)
        return [unreadable_entry(entry.time_ms, entry.data)]
    return cut_entry(entry.requests, entry.data)
