"""Entries of the pending streams: read, kept, taken over, handed back, settled."""

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.streams.contracts import DATA_FIELD, HEADER_FIELD, PROCESSING_GROUP, PendingRequest, decode_header
from shared.streams.queue import PendingQueue

# An entry that another worker has taken over meanwhile is left to it.
_EXTEND = """
local kept = 0
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
    kept = kept + 1
  end
end
return kept
"""
# To delete a consumer is to forget what is pending with it, so looking and deleting are one step.
_REMOVE_IDLE = """
local removed = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local facts = {}
  for i = 1, #consumer, 2 do facts[consumer[i]] = consumer[i + 1] end
  local is_silent = facts['idle'] >= tonumber(ARGV[2]) and ARGV[3] == ''
  if (is_silent or facts['name'] == ARGV[3]) and facts['pending'] == 0 then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], facts['name'])
    removed = removed + 1
  end
end
return removed
"""
_LONG_AGO_MS = 86_400_000
_PROBE_SECONDS = 7 * 86_400


@dataclass(slots=True, eq=False)
class Entry:
    """An entry of a pending stream; ``requests`` is None when its header cannot be read."""

    stream: str
    id: bytes
    requests: list[PendingRequest] | None
    data: bytes
    deliveries: int = 1

    @property
    def items(self) -> int:
        """Return how many items were received with the entry."""
        return sum(request.received for request in self.requests or ())

    @property
    def size(self) -> int:
        """Return the bytes of the bodies."""
        return sum(request.size for request in self.requests or ())

    @property
    def time_ms(self) -> int:
        """Return when the entry was added, in milliseconds since the Unix epoch."""
        return int(self.id.partition(b"-")[0])


class EntryReader:
    """One consumer of the processing group on all pending streams."""

    def __init__(self, client: Redis, queue: PendingQueue, min_idle_seconds: float) -> None:
        # A name of its own for each process, since two that share one would share their pending entries.
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._client = client
        self._queue = queue
        self._min_idle_ms = int(min_idle_seconds * 1000)
        self._extend = client.register_script(_EXTEND)
        self._remove_idle = client.register_script(_REMOVE_IDLE)
        self._cursors: dict[str, bytes] = {}

    async def create_groups(self) -> None:
        """Create the group on every stream that lacks it, from the first entry on."""
        for stream in self._queue.streams:
            try:
                await self._client.xgroup_create(stream, PROCESSING_GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    async def read(self, count: int, block_seconds: float | None) -> list[Entry]:
        """Return new entries, at most ``count`` a stream, waiting for the first unless ``block_seconds`` is None."""
        answer: Any = await self._client.xreadgroup(
            PROCESSING_GROUP,
            self.name,
            dict.fromkeys(self._queue.streams, ">"),
            count=count,
            block=None if block_seconds is None else max(1, int(block_seconds * 1000)),
        )
        pairs = answer.items() if isinstance(answer, dict) else answer or ()
        return [
            _entry(stream.decode(), identifier, fields)
            for stream, listed in pairs
            for identifier, fields in _entries(listed)
        ]

    async def take_over(self) -> Entry | None:
        """Take over one entry whose worker fell silent, None when there is none.

        One at a time: an entry that kills its worker then burns no delivery of the others.
        """
        for stream in self._queue.streams:
            while True:
                cursor, claimed, *_ = await self._client.xautoclaim(
                    stream,
                    PROCESSING_GROUP,
                    self.name,
                    self._min_idle_ms,
                    start_id=self._cursors.get(stream, b"0-0"),
                    count=1,
                )
                self._cursors[stream] = cursor
                if claimed:
                    identifier, fields = claimed[0]
                    entry = _entry(stream, identifier, fields)
                    entry.deliveries = await self._deliveries(stream, identifier)
                    return entry
                if cursor == b"0-0":
                    break
        return None

    async def _deliveries(self, stream: str, identifier: bytes) -> int:
        rows: Any = await self._client.xpending_range(stream, PROCESSING_GROUP, min=identifier, max=identifier, count=1)
        return int(rows[0]["times_delivered"]) if rows else 1

    async def keep(self, entries: Sequence[Entry]) -> None:
        """Say that this worker is still busy with entries, so that no other takes them over."""
        for stream, identifiers in _by_stream(entries).items():
            await self._extend(keys=[stream], args=[PROCESSING_GROUP, self.name, *identifiers])

    async def settle(self, entries: Sequence[Entry]) -> None:
        """Acknowledge and remove entries that are stored."""
        for stream in _by_stream(entries):
            listed = [entry for entry in entries if entry.stream == stream]
            await self._queue.settle(
                stream, PROCESSING_GROUP, [(entry.id, entry.requests or (), len(entry.data)) for entry in listed]
            )

    async def release(self, entries: Sequence[Entry]) -> None:
        """Hand entries back as if they had never been delivered, to be taken over at once."""
        async with self._client.pipeline(transaction=False) as pipeline:
            for entry in entries:
                pipeline.xclaim(
                    entry.stream,
                    PROCESSING_GROUP,
                    self.name,
                    0,
                    [entry.id],
                    idle=_LONG_AGO_MS,
                    retrycount=entry.deliveries - 1,
                    justid=True,
                )
            await pipeline.execute()

    async def remove_idle(self, idle_seconds: float) -> int:
        """Delete consumers that have been silent for this long and hold nothing; return how many."""
        return await self._remove(int(idle_seconds * 1000), "")

    async def remove_self(self) -> None:
        """Delete this consumer unless something is pending with it."""
        await self._remove(_LONG_AGO_MS, self.name)

    async def _remove(self, idle_ms: int, name: str) -> int:
        removed = 0
        for stream in self._queue.streams:
            removed += int(await self._remove_idle(keys=[stream], args=[PROCESSING_GROUP, idle_ms, name]))
        return removed


class Probe:
    """Notes in Redis what a worker is about to touch, so that the next one knows what killed it."""

    def __init__(self, client: Redis, entry: Entry) -> None:
        self._client = client
        self._key = f"{entry.stream}:probe:{entry.id.decode()}"
        self.suspects: dict[str, int] = {}

    async def load(self) -> None:
        """Read the notes: what was being touched at the last death becomes a suspect once more."""
        found: Any = await self._client.hgetall(self._key)
        if b"suspects" in found:
            self.suspects = orjson.loads(found[b"suspects"])
        if b"at" in found:
            label = found[b"at"].decode()
            self.suspects[label] = self.suspects.get(label, 0) + 1
            async with self._client.pipeline() as pipeline:
                pipeline.hset(self._key, "suspects", orjson.dumps(self.suspects))
                pipeline.hdel(self._key, "at")
                await pipeline.execute()

    async def touch(self, label: str) -> None:
        """Note what is touched next."""
        async with self._client.pipeline(transaction=False) as pipeline:
            pipeline.hset(self._key, "at", label)
            pipeline.expire(self._key, _PROBE_SECONDS)
            await pipeline.execute()

    async def clear(self) -> None:
        """Forget the notes."""
        await self._client.delete(self._key)


def _by_stream(entries: Sequence[Entry]) -> dict[str, list[bytes]]:
    streams: dict[str, list[bytes]] = {}
    for entry in entries:
        streams.setdefault(entry.stream, []).append(entry.id)
    return streams


def _entries(listed: Any) -> Sequence[tuple[bytes, Mapping[bytes, bytes]]]:
    # RESP3 nests the entries of a stream once more than RESP2.
    return listed[0] if listed and isinstance(listed[0], list) else listed


def _entry(stream: str, identifier: bytes, fields: Mapping[bytes, bytes] | None) -> Entry:
    fields = fields or {}
    data = fields.get(DATA_FIELD, b"")
    try:
        requests = decode_header(fields[HEADER_FIELD])
    except (KeyError, ValueError):
        return Entry(stream, identifier, None, data)
    return Entry(stream, identifier, requests, data)
