"""Announces changed traces: from the outbox to the stream of other services and to people who watch."""

import asyncio
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import zstandard
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from processing.app.metrics import RELAYED
from processing.app.queries.outbox import Outbox
from shared.changes import note_changes
from shared.database import is_dependency_error
from shared.logging import get_logger
from shared.redis import connect
from shared.streams.contracts import TRACES_STORED, PendingRequest, TracesStored
from shared.streams.events import TRACES_STORED_EVENT, add_event, traces_stored
from shared.streams.queue import PendingQueue
from shared.telemetry import FAILURES

SERVICE = "processing"
KEPT_WITHOUT_GROUPS = 10_000
_COALESCE_SECONDS = 0.1
_SWEEP_SECONDS = 2.0
_TRIM_SECONDS = 10.0
_ALARM_LENGTH = 500_000
_BACKOFF_CAP = 5.0

logger = get_logger(__name__)


async def note_now(cache_url: str, workspace: int, days: Iterable[date]) -> None:
    """Make cached answers about days stale at once, so that whoever is told of a change and looks sees it.

    The outbox tells it as well: what the cache cannot be told now becomes stale a moment later.

    Args:
        cache_url: Address of the cache server.
        workspace: Number of the workspace.
        days: Days whose change is committed.
    """
    cache = connect(cache_url)
    try:
        async with cache.pipeline(transaction=False) as pipeline:
            note_changes(pipeline, workspace, days)
            await pipeline.execute()
    except (RedisError, OSError, TimeoutError) as error:
        FAILURES.labels(SERVICE, "note_changes", "dependency").inc()
        logger.warning("changes_not_noted", error=type(error).__name__)
    finally:
        await cache.aclose()


class Relay:
    """Moves rows of the outbox to ``traces:stored`` and to the channels of their workspaces.

    A row is removed only after it was announced, so a crash in between announces it twice and loses none. Every
    process runs a relay, and each takes what no other is busy with.
    """

    def __init__(self, client: Redis, cache: Redis, outbox: Outbox, stopping: asyncio.Event) -> None:
        self._client = client
        self._cache = cache
        self._outbox = outbox
        self._stopping = stopping
        self._due = asyncio.Event()
        self._trimmed = 0.0
        self._unnoted: dict[int, set[date]] = {}

    def announce(self) -> None:
        """Say that something was stored."""
        self._due.set()

    async def run(self) -> None:
        """Relay until told to stop, and once more then."""
        stopped = asyncio.create_task(self._stopping.wait())
        stopped.add_done_callback(lambda _: self._due.set())
        try:
            await self._run()
        finally:
            stopped.cancel()

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._relay_all()
                await self.note({})
                if time.monotonic() - self._trimmed > _TRIM_SECONDS:
                    self._trimmed = time.monotonic()
                    await self.trim()
                failures = 0
            except Exception as error:
                if not (isinstance(error, RedisError) or is_dependency_error(error)):
                    raise
                failures += 1
                FAILURES.labels(SERVICE, "relay", "dependency").inc()
                logger.warning("relay_waits", error=type(error).__name__)
                await self._pause(random.uniform(0, min(_BACKOFF_CAP, 0.1 * 2**failures)))
            await self._wait()
        # What cannot be announced now is found in the outbox by another process or the next.
        with suppress(Exception):
            await self._relay_all()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_SWEEP_SECONDS):
                await self._due.wait()
                # What is stored in the next moment travels along.
                await asyncio.sleep(_COALESCE_SECONDS)
        self._due.clear()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _relay_all(self) -> None:
        while await self._outbox.relay(self._send):
            pass

    async def _send(self, messages: list[TracesStored]) -> None:
        days: dict[int, set[date]] = {}
        for message in messages:
            days.setdefault(message.workspace_id, set()).update(map(date.fromisoformat, message.days))
        # First, so that whoever hears of a change and looks finds no cached answer from before it.
        await self.note(days)
        changed = [message for message in messages if message.trace_ids]
        if not changed:
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for message in changed:
                fields: Any = message.encode()
                pipeline.xadd(TRACES_STORED, fields)
            for workspace, traces in _by_workspace(changed).items():
                add_event(pipeline, workspace, TRACES_STORED_EVENT, traces_stored(traces))
            await pipeline.execute()
        RELAYED.inc(sum(len(message.trace_ids) for message in changed))

    async def note(self, days: Mapping[int, Iterable[date]]) -> None:
        """Make cached answers about changed days stale; what cannot be noted now is noted later.

        Args:
            days: Days by the number of their workspace; the change of them is committed.
        """
        for workspace, changed in days.items():
            self._unnoted.setdefault(workspace, set()).update(changed)
        waiting, self._unnoted = self._unnoted, {}
        if not waiting:
            return
        try:
            async with self._cache.pipeline(transaction=False) as pipeline:
                for workspace, changed in waiting.items():
                    note_changes(pipeline, workspace, changed)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            # What was stored must not wait for the cache.
            for workspace, changed in waiting.items():
                self._unnoted.setdefault(workspace, set()).update(changed)
            FAILURES.labels(SERVICE, "note_changes", "dependency").inc()
            logger.warning("changes_not_noted", error=type(error).__name__)

    async def trim(self, *, exact: bool = False) -> None:
        """Remove from the stream what every group is done with; nothing that is pending or undelivered anywhere.

        Args:
            exact: Remove entries one by one, and not only whole nodes of the stream, which is cheaper.
        """
        try:
            groups: Any = await self._client.xinfo_groups(TRACES_STORED)
        except ResponseError:
            return
        if not groups:
            await self._client.xtrim(TRACES_STORED, maxlen=KEPT_WITHOUT_GROUPS, approximate=not exact)
            return
        needed = [await self._first_needed(group) for group in groups]
        # Ids are pairs of numbers; as text, "9-1" would come after "10-1".
        lowest = min(needed, key=_position)
        await self._client.xtrim(TRACES_STORED, minid=lowest, approximate=not exact)
        length = await self._client.xlen(TRACES_STORED)
        if length > _ALARM_LENGTH:
            logger.error("stored_traces_not_consumed", length=length, groups=len(groups))

    async def _first_needed(self, group: dict[str, Any]) -> bytes:
        if not group["pending"]:
            return bytes(group["last-delivered-id"])
        summary: Any = await self._client.xpending(TRACES_STORED, group["name"])
        return bytes(summary["min"] or group["last-delivered-id"])


async def append_replays(queue: PendingQueue, letters: Sequence[tuple[PendingRequest, bytes]]) -> None:
    """Put dead letters into the queue again, as one entry."""
    data = zstandard.ZstdCompressor(level=1).compress(b"".join([body for _, body in letters]))
    await queue.append(0, [pending for pending, _ in letters], data)


def _position(identifier: bytes) -> tuple[int, int]:
    milliseconds, _, number = identifier.partition(b"-")
    return int(milliseconds), int(number or 0)


def _by_workspace(messages: Iterable[TracesStored]) -> dict[str, list[str]]:
    workspaces: dict[str, dict[str, None]] = {}
    for message in messages:
        workspaces.setdefault(message.workspace, {}).update(dict.fromkeys(message.trace_ids))
    return {workspace: list(traces) for workspace, traces in workspaces.items()}
