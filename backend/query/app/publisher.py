"""What the query service tells others."""

from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.logging import get_logger
from shared.pricing.changes import announce_prices

logger = get_logger(__name__)


async def tell_prices_changed(redis: Redis, workspace_id: str, data: Mapping[str, Any]) -> None:
    """Say that prices of a workspace changed; when nobody can be told, they hold a little later."""
    try:
        await announce_prices(redis, workspace_id, data)
    except (RedisError, OSError, TimeoutError) as error:
        logger.warning("prices_not_announced", workspace_id=workspace_id, error=type(error).__name__)
