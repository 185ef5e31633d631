"""Connections to Redis or Valkey, and the batching that makes a command per request cheap."""

import asyncio
import time
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

CONNECT_SECONDS = 2.0
COMMAND_SECONDS = 5.0


def connect(url: str, *, connections: int = 32, command_seconds: float = COMMAND_SECONDS) -> Redis:
    """Return a client that connects when first used; commands fail after ``command_seconds``.

    Only connecting is retried: a command that was sent may have been carried out.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=command_seconds,
        max_connections=connections,
        # Connecting fails with errors of the operating system; errors of commands are the client's own.
        retry=Retry(ExponentialWithJitterBackoff(base=0.02, cap=0.2), 1, (OSError,)),  # type: ignore[arg-type]
        retry_on_error=[],
        health_check_interval=15,
        decode_responses=False,
    )


class RedisBatcher:
    """Sends the commands of concurrent requests as one pipeline.

    While a pipeline is under way, further commands wait for the next one, so a command never travels in a pipeline
    that was sent before it was submitted: what it reads is not older than its submission.
    """

    def __init__(self, client: Redis, limit: int = 512, outage_seconds: float = 0.0) -> None:
        """Build a batcher.

        Args:
            client: Where the commands go.
            limit: Most commands of one pipeline.
            outage_seconds: How long commands fail at once after the server could not be reached, for callers that can
                do without it and should not wait for it one after the other.
        """
        self._client = client
        self._limit = limit
        self._outage_seconds = outage_seconds
        self._away_until = 0.0
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._shared: dict[tuple[Any, ...], asyncio.Future[Any]] = {}
        self._runner: asyncio.Task[None] | None = None

    def submit(self, *command: Any) -> "asyncio.Future[Any]":
        """Return a future for the answer to a command.

        The future raises ``redis.exceptions.RedisError`` when the server refuses or cannot be reached.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._away_until > time.monotonic():
            future.set_exception(RedisConnectionError("the server could not be reached a moment ago"))
            return future
        self._waiting.append((command, future))
        if self._runner is None:
            self._runner = asyncio.get_running_loop().create_task(self._run())
        return future

    def read(self, *command: Any) -> "asyncio.Future[Any]":
        """Like ``submit`` for a command without side effects: equal ones of one pipeline are sent once."""
        future = self._shared.get(command)
        if future is None:
            future = self._shared[command] = self.submit(*command)
        # Whoever gives up waiting must not take the answer from the others.
        return asyncio.shield(future)

    async def _run(self) -> None:
        # One turn of the loop lets the other requests of this turn join.
        await asyncio.sleep(0)
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                self._shared.clear()
                await self._send(batch)
        finally:
            self._runner = None
            if self._waiting:
                self._runner = asyncio.get_running_loop().create_task(self._run())

    async def _send(self, batch: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> None:
        try:
            pipeline = self._client.pipeline(transaction=False)
            for command, _ in batch:
                pipeline.execute_command(*command)
            answers = await pipeline.execute(raise_on_error=False)
        except (TimeoutError, RedisError, OSError) as error:
            answers = [error] * len(batch)
            self._away_until = time.monotonic() + self._outage_seconds
        except BaseException:
            for _, future in batch:
                future.cancel()
            raise
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
                # A request that was cancelled meanwhile no longer looks at its future.
                future.exception()
            else:
                future.set_result(answer)
