"""What waits in the queue."""

import time
from typing import Any, NamedTuple

from shared.streams.queue import PendingQueue


class Waiting(NamedTuple):
    """Items that were accepted and are not stored yet, and the age of the oldest in seconds."""

    items: int
    oldest_seconds: float


async def read_age(queue: PendingQueue, stream: str) -> float:
    """Return the age in seconds of the oldest entry of a stream, 0 when nothing waits."""
    entries: Any = await queue.client.xrange(stream, count=1)
    if not entries:
        return 0.0
    milliseconds = int(entries[0][0].partition(b"-")[0])
    return max(0.0, time.time() - milliseconds / 1000)


async def read_waiting(queue: PendingQueue) -> Waiting:
    """Return what waits in all pending streams."""
    backlog = await queue.backlog()
    ages = [await read_age(queue, stream) for stream in queue.streams]
    return Waiting(max(0, backlog.items), max(ages))
