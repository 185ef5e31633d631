"""Appending to and settling entries of the pending streams, with exact counts of what waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from shared.streams.contracts import DATA_FIELD, HEADER_FIELD, PendingRequest, backlog_key, encode_header, receipts_key

# Adding an entry, its counts and its receipts is one step: a crash in between would leave counts that never fall.
_APPEND = """
local id = redis.call('XADD', KEYS[1], '*', 'h', ARGV[1], 'd', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'entries', 1)
redis.call('HINCRBY', KEYS[2], 'items', ARGV[3])
redis.call('HINCRBY', KEYS[2], 'bytes', #ARGV[2])
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
return id
"""

# Only the call that really removes an entry lowers the counts, so settling twice is harmless.
_SETTLE = """
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'entries', -1)
  redis.call('HINCRBY', KEYS[2], 'items', -tonumber(ARGV[3]))
  redis.call('HINCRBY', KEYS[2], 'bytes', -tonumber(ARGV[4]))
  for i = 5, #ARGV do redis.call('HDEL', KEYS[3], ARGV[i]) end
  return 1
end
return 0
"""


@dataclass(slots=True)
class Backlog:
    """What waits in the pending streams; ``bytes`` is compressed data."""

    entries: int
    items: int
    bytes: int


class PendingQueue:
    """The pending streams of one Redis."""

    def __init__(self, client: Redis, streams: Sequence[str]) -> None:
        self.client = client
        self.streams = list(streams)
        self._append = client.register_script(_APPEND)
        self._settle = client.register_script(_SETTLE)

    async def append(self, shard: int, requests: Sequence[PendingRequest], data: bytes) -> bytes:
        """Add one entry and return its id; when this returns, the requests are in the durable queue.

        Raises:
            redis.exceptions.RedisError: The entry may or may not have been added.
        """
        stream = self.streams[shard % len(self.streams)]
        receipts: list[str | int] = []
        for request in requests:
            receipts += (request.receipt_id, request.workspace_id)
        identifier: bytes = await self._append(
            keys=[stream, backlog_key(stream), receipts_key(stream)],
            args=[encode_header(requests), data, sum(request.received for request in requests), *receipts],
        )
        return identifier

    async def settle(
        self, stream: str, group: str, entries: Sequence[tuple[bytes, Sequence[PendingRequest], int]]
    ) -> None:
        """Acknowledge and remove entries, each given as id, requests and length of its data."""
        # Left by the block, a pipeline gives its connection back even if loading the script failed.
        async with self.client.pipeline(transaction=False) as pipeline:
            for identifier, requests, size in entries:
                await self._settle(
                    keys=[stream, backlog_key(stream), receipts_key(stream)],
                    args=[
                        group,
                        identifier,
                        sum(request.received for request in requests),
                        size,
                        *[request.receipt_id for request in requests],
                    ],
                    client=pipeline,
                )
            await pipeline.execute()

    async def backlog(self) -> Backlog:
        """Return the counts of all shards together."""
        pipeline = self.client.pipeline(transaction=False)
        for stream in self.streams:
            pipeline.hmget(backlog_key(stream), ["entries", "items", "bytes"])
        rows = await pipeline.execute()
        totals = [sum(int(row[column] or 0) for row in rows) for column in range(3)]
        return Backlog(*totals)

    async def waiting_workspace(self, receipt_id: str) -> int | None:
        """Return the workspace number of a request that still waits, None when it does not."""
        for stream in self.streams:
            value = await self.client.hget(receipts_key(stream), receipt_id)
            if value is not None:
                return int(value)
        return None


__all__ = ["DATA_FIELD", "HEADER_FIELD", "Backlog", "PendingQueue"]
