"""The revocation epoch: one value in Redis that changes whenever any access is withdrawn."""

import secrets

from redis.exceptions import RedisError

from shared.redis import RedisBatcher

EPOCH_KEY = "auth:epoch"


class EpochUnavailableError(Exception):
    """The epoch cannot be read; a cached verdict must be checked against the database."""


class RevocationEpoch:
    """Reads the epoch once for all requests that wait together, and changes it."""

    def __init__(self, batcher: RedisBatcher) -> None:
        self._batcher = batcher

    async def current(self) -> bytes:
        """Return the epoch as it was at some moment after this call began.

        Raises:
            EpochUnavailableError: Redis cannot be reached.
        """
        try:
            value: bytes | None = await self._batcher.read("GET", EPOCH_KEY)
            if value is None:
                await self._batcher.submit("SET", EPOCH_KEY, secrets.token_hex(8), "NX")
                value = await self._batcher.submit("GET", EPOCH_KEY)
        except (RedisError, OSError) as error:
            raise EpochUnavailableError from error
        if value is None:
            raise EpochUnavailableError
        return value

    async def advance(self) -> None:
        """Invalidate every cached verdict of every process; call it after the database has committed.

        Raises:
            EpochUnavailableError: Redis cannot be reached; caches expire by their own lifetime then.
        """
        try:
            await self._batcher.submit("SET", EPOCH_KEY, secrets.token_hex(8))
        except (RedisError, OSError) as error:
            raise EpochUnavailableError from error
