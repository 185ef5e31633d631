"""Turns requests away before the queue is full, and keeps an eye on whether the queue keeps what it takes."""

import asyncio
import random
from dataclasses import asdict, dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from ingestion.app.metrics import QUEUE_MEMORY
from shared.errors import UnavailableError
from shared.logging import get_logger
from shared.streams.queue import Backlog, PendingQueue
from shared.telemetry import STREAM_BACKLOG

POLL_SECONDS = 0.25
_CHECK_POLLS = 240
_UNLIMITED_BACKLOG_BYTES = 256 * 1024 * 1024
_BACKLOG_SHARE = 0.7
# Beyond this share of the server's memory the queue counts as full whatever it holds.
_MEMORY_SHARE = 0.97
_FAILURES_TO_CLOSE = 2

logger = get_logger(__name__)


class UnsafeQueueError(RuntimeError):
    """The queue server is set up so that it may lose what it took."""


@dataclass(slots=True)
class QueueFacts:
    """Settings of the queue server that decide what an acknowledgement is worth; "unknown" where it does not tell."""

    appendonly: str = "unknown"
    appendfsync: str = "unknown"
    maxmemory_policy: str = "unknown"

    def problem(self, *, is_production: bool) -> str | None:
        """Return why nothing may be accepted into this queue, None when it may."""
        if self.maxmemory_policy not in ("noeviction", "unknown"):
            return (
                f"The queue server's maxmemory-policy is {self.maxmemory_policy}: it would evict accepted traces. "
                "Set it to noeviction, or name another server in REDIS_URL."
            )
        if self.appendonly == "no" and is_production:
            return (
                "The queue server keeps no append-only file: a restart would lose accepted traces. Set appendonly yes."
            )
        return None


class Admission:
    """Knows how much waits in the queue, a quarter of a second old at most, counting what was written since."""

    def __init__(
        self, queue: PendingQueue, *, max_bytes: int | None, max_entries: int, is_production: bool, service: str
    ) -> None:
        """Build an admission that admits nothing until it has seen the queue.

        Args:
            queue: The queue, with a client of its own, so that polling never waits for requests.
            max_bytes: Compressed bytes that may wait; a share of the server's memory when None.
            max_entries: Entries that may wait.
            is_production: Whether a queue without append-only file is refused rather than warned of.
            service: Label in metrics.
        """
        self._queue = queue
        self._max_bytes = max_bytes
        self._max_entries = max_entries
        self._is_production = is_production
        self._gauges = {
            unit: STREAM_BACKLOG.labels(service, "traces:pending", unit) for unit in ("entries", "items", "bytes")
        }
        self.facts = QueueFacts()
        # Shown by /health: what the queue's settings promise.
        self.health: dict[str, str] = asdict(self.facts)
        self._refusal: tuple[str, str] | None = ("queue_unavailable", "The queue has not been reached yet.")
        self._limit_bytes = max_bytes or _UNLIMITED_BACKLOG_BYTES
        self._backlog = Backlog(0, 0, 0)
        self._failures = 0
        self._polls = 0

    def check(self) -> None:
        """Let a request pass.

        Raises:
            UnavailableError: The queue is full, unreachable or unsafe; carries a Retry-After of 1 to 5 seconds.
        """
        if self._refusal is not None:
            code, message = self._refusal
            # Clients that were turned away together should not come back together.
            raise UnavailableError(message, retry_after=random.randint(1, 5), code=code)

    def wrote(self, entries: int, size: int) -> None:
        """Count what was written since the last look at the queue."""
        self._backlog.entries += entries
        self._backlog.bytes += size
        if self._refusal is None:
            self._refusal = self._overload()

    async def ping(self) -> None:
        """Readiness of the queue.

        Raises:
            ConnectionError: It cannot be reached, or is unsafe. A full queue is reached, and empties by itself.
        """
        if self._refusal is not None and self._refusal[0] != "overloaded":
            raise ConnectionError(self._refusal[1])

    async def start(self) -> None:
        """Look at the queue for the first time.

        Raises:
            UnsafeQueueError: The queue may lose what it takes. A queue that cannot be reached is no error: it is
                looked at again until it can.
        """
        try:
            await self._look()
        except (RedisError, OSError, TimeoutError) as error:
            logger.warning("queue_unreachable", error=type(error).__name__)
            return
        problem = self.facts.problem(is_production=self._is_production)
        if problem:
            raise UnsafeQueueError(problem)

    async def watch(self) -> None:
        """Look at the queue four times a second, for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
            except (RedisError, OSError, TimeoutError) as error:
                self._failures += 1
                if self._failures >= _FAILURES_TO_CLOSE:
                    if self._refusal is None:
                        logger.warning("queue_unreachable", error=type(error).__name__)
                    self._refusal = ("queue_unavailable", "The queue cannot be reached at the moment.")
                    self._polls = 0

    async def _look(self) -> None:
        client: Redis = self._queue.client
        # Another server may answer after an outage.
        if self._polls % _CHECK_POLLS == 0:
            self.facts = await read_facts(client)
            self.health.update(asdict(self.facts))
            if self.facts.appendonly == "no" and not self._is_production:
                logger.warning("queue_without_append_only_file", consequence="a restart of the queue loses traces")
        backlog = await self._queue.backlog()
        memory: dict[str, Any] = await client.info("memory")
        self._polls += 1
        self._failures = 0
        used, maximum = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
        self._backlog = backlog
        self._limit_bytes = self._max_bytes or (int(maximum * _BACKLOG_SHARE) if maximum else _UNLIMITED_BACKLOG_BYTES)
        self._observe(backlog, used, maximum)
        problem = self.facts.problem(is_production=self._is_production)
        was_open = self._refusal is None
        if problem:
            self._refusal = ("queue_unsafe", problem)
        elif maximum and used >= maximum * _MEMORY_SHARE:
            self._refusal = ("overloaded", "The queue's memory is full.")
        else:
            self._refusal = self._overload()
        if was_open and self._refusal is not None:
            logger.warning("admission_closed", reason=self._refusal[0], entries=backlog.entries, bytes=backlog.bytes)

    def _overload(self) -> tuple[str, str] | None:
        if self._backlog.bytes >= self._limit_bytes or self._backlog.entries >= self._max_entries:
            return "overloaded", "More waits to be stored than the queue may hold."
        return None

    def _observe(self, backlog: Backlog, used: int, maximum: int) -> None:
        for unit, gauge in self._gauges.items():
            gauge.set(getattr(backlog, unit))
        QUEUE_MEMORY.labels("used").set(used)
        QUEUE_MEMORY.labels("limit").set(maximum)


async def read_facts(client: Redis) -> QueueFacts:
    """Return the settings of the queue server; managed servers may keep them to themselves.

    Raises:
        redis.exceptions.RedisError: The server cannot be reached.
    """
    try:
        found: dict[Any, Any] = await client.config_get("appendonly", "appendfsync", "maxmemory-policy")
    except ResponseError as error:
        logger.warning("queue_settings_unknown", error=str(error)[:200])
        return QueueFacts()
    settings = {_text(name): _text(value) for name, value in found.items()}
    return QueueFacts(
        settings.get("appendonly", "unknown"),
        settings.get("appendfsync", "unknown"),
        settings.get("maxmemory-policy", "unknown"),
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
