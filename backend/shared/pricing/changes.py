"""Tells whoever keeps prices in memory, and whoever watches a workspace, that its prices changed."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis

from shared.streams.events import PRICES_CHANGED, add_event

_COUNTER = "prices:changes"


async def announce_prices(redis: Redis, workspace: str, data: Mapping[str, Any]) -> None:
    """Say that prices of a workspace changed; to be called after the change was committed.

    Args:
        redis: Client of the queue server (``REDIS_URL``).
        workspace: Public id of the workspace.
        data: What changed, for whoever watches the workspace.

    Raises:
        redis.exceptions.RedisError: Nobody may have been told; prices are read again after a while all the same.
    """
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.incr(_COUNTER)
        add_event(pipeline, workspace, PRICES_CHANGED, data)
        await pipeline.execute()


async def read_price_changes(redis: Redis) -> object:
    """Return a value that differs after every change of prices of any workspace.

    Raises:
        redis.exceptions.RedisError: It cannot be told.
    """
    return await redis.get(_COUNTER)
