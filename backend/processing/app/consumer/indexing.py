"""Takes changed traces from ``traces:stored`` for the full-text index."""

import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.logging import get_logger
from shared.streams.contracts import SEARCH_GROUP, TRACES_STORED, TracesStored
from shared.telemetry import FAILURES

SERVICE = "processing"
_IDLE_MILLISECONDS = 60_000
Entry = tuple[bytes, TracesStored]

logger = get_logger(__name__)


class ChangedTraces:
    """The consumer group of the index: every message is delivered until it is settled."""

    def __init__(self, client: Redis, consumer: str) -> None:
        """Build a consumer; ``consumer`` is the same after a restart, so that what it left is its own again."""
        self._client = client
        self._consumer = consumer
        self._has_own = True

    async def join(self) -> None:
        """Make sure that the group is there; it begins with what is kept of the past."""
        try:
            await self._client.xgroup_create(TRACES_STORED, SEARCH_GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._has_own = True

    async def take(self, most: int, block_seconds: float) -> list[Entry]:
        """Return messages: own ones that were left, ones that another consumer left, then new ones."""
        if self._has_own:
            entries = await self._read("0", most, None)
            if entries:
                return entries
            self._has_own = False
        claimed: Any = await self._client.xautoclaim(
            TRACES_STORED, SEARCH_GROUP, self._consumer, _IDLE_MILLISECONDS, count=most
        )
        entries = await self._decode(claimed[1])
        return entries or await self._read(">", most, int(block_seconds * 1000))

    async def settle(self, entries: Sequence[Entry]) -> None:
        """Say that messages are dealt with."""
        await self._client.xack(TRACES_STORED, SEARCH_GROUP, *[identifier for identifier, _ in entries])

    async def _read(self, after: str, most: int, block: int | None) -> list[Entry]:
        answer: Any = await self._client.xreadgroup(
            SEARCH_GROUP, self._consumer, {TRACES_STORED: after}, count=most, block=block
        )
        streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer or ()]
        return [entry for entries in streams for entry in await self._decode(_flat(entries))]

    async def _decode(self, entries: Sequence[Any]) -> list[Entry]:
        """Return the messages of entries; one that is none is settled, since it would come back for ever."""
        decoded: list[Entry] = []
        for identifier, fields in entries:
            if not fields:
                # What was trimmed while it was pending comes back without fields.
                continue
            try:
                decoded.append((identifier, TracesStored.decode(fields)))
            except ValueError as error:
                FAILURES.labels(SERVICE, "search", "malformed").inc()
                logger.error("stored_message_malformed", entry=identifier.decode(), error=str(error))
                await self._client.xack(TRACES_STORED, SEARCH_GROUP, identifier)
        return decoded


def _flat(entries: Any) -> list[Any]:
    # By protocol version 3 the entries of a stream come in one more list.
    return list(entries[0]) if entries and isinstance(entries[0], list) else list(entries)


def age_of(entries: Sequence[Entry]) -> float:
    """Return how many seconds ago the first of these messages was written."""
    milliseconds = int(entries[0][0].partition(b"-")[0])
    return max(0.0, time.time() - milliseconds / 1000)
