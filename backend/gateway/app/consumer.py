"""Listens to live events: one connection to Redis for all sockets of the process."""

import asyncio
import random
import time
from collections import deque
from contextlib import suppress
from typing import Any, NoReturn

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from gateway.app.live.hub import Hub, SourceUnavailableError
from shared.logging import get_logger
from shared.redis import RedisBatcher
from shared.streams.contracts import workspace_channel
from shared.streams.events import Event, EventId, Kept, decode_kept, read_command
from shared.telemetry import FAILURES

# Nobody publishes here; a connection that listens to nothing cannot be told from one that is lost.
_OWN_CHANNEL = "ws"
_CHANNEL_PREFIX = len(workspace_channel(""))
_QUIET_SECONDS = 2.0
_LOST_SECONDS = 6.0
_ANSWER_SECONDS = 2.0
_BACKOFF_CAP = 2.0
_ERRORS = (RedisError, OSError, TimeoutError)

logger = get_logger(__name__)


class EventFeed:
    """Delivers events to the hub in order, and after an interruption what was missed before what is new."""

    def __init__(self, client: Redis, hub: Hub) -> None:
        """Build a feed.

        Args:
            client: Of the queue server.
            hub: Whom to tell.
        """
        self._client = client
        self._batcher = RedisBatcher(client)
        self._hub = hub
        self._wanted: set[str] = set()
        self._pubsub: PubSub | None = None
        # Redis answers commands in their order, so the oldest that was sent is the one that is answered.
        self._unanswered: deque[asyncio.Future[None]] = deque()
        self._sending = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen until cancelled."""
        failures = 0
        while True:
            started = time.monotonic()
            try:
                await self._listen()
            except _ERRORS as error:
                FAILURES.labels("gateway", "live_events", "dependency").inc()
                logger.warning("live_events_interrupted", error=type(error).__name__)
            finally:
                self._disconnected()
            failures = 0 if time.monotonic() - started > _LOST_SECONDS else failures + 1
            await asyncio.sleep(random.uniform(0.05, min(_BACKOFF_CAP, 0.1 * 2**failures)))

    async def subscribe(self, workspace: str) -> None:
        """Return when every event published from now on will be delivered.

        Raises:
            SourceUnavailableError: They will be once the connection is back.
        """
        self._wanted.add(workspace)
        answer = await self._send("subscribe", workspace)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await asyncio.shield(answer)
        except TimeoutError as error:
            raise SourceUnavailableError from error

    def unsubscribe(self, workspace: str) -> None:
        """Stop listening."""
        self._wanted.discard(workspace)
        task = asyncio.get_running_loop().create_task(self._unsubscribe(workspace))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def read(self, workspace: str, after: EventId | None = None, until: EventId | None = None) -> Kept:
        """Return what is kept of a workspace.

        Raises:
            SourceUnavailableError: It cannot be read.
        """
        try:
            return decode_kept(await self._batcher.read(*read_command(workspace, after, until)), after)
        except _ERRORS as error:
            raise SourceUnavailableError from error

    async def _unsubscribe(self, workspace: str) -> None:
        with suppress(SourceUnavailableError):
            await self._send("unsubscribe", workspace)

    async def _send(self, command: str, workspace: str) -> "asyncio.Future[None]":
        async with self._sending:
            if command == "unsubscribe" and workspace in self._wanted:
                # Somebody came while this waited its turn.
                raise SourceUnavailableError
            pubsub = self._pubsub
            if pubsub is None:
                raise SourceUnavailableError
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._unanswered.append(answer)
            try:
                if command == "subscribe":
                    await pubsub.subscribe(workspace_channel(workspace))
                else:
                    await pubsub.unsubscribe(workspace_channel(workspace))
            except _ERRORS as error:
                raise SourceUnavailableError from error
            return answer

    async def _listen(self) -> None:
        async with self._client.pubsub() as pubsub:
            try:
                async with self._sending:
                    await self._connect(pubsub)
                await self._hear_all(pubsub)
            finally:
                if pubsub.connection is not None:
                    pubsub.connection.deregister_connect_callback(self._refuse_to_reconnect)

    async def _connect(self, pubsub: PubSub) -> None:
        workspaces = sorted(self._wanted)
        await pubsub.subscribe(_OWN_CHANNEL, *map(workspace_channel, workspaces))
        # By itself the client would connect and subscribe anew, and nobody would know what was missed.
        connection: Any = pubsub.connection
        connection.register_connect_callback(self._refuse_to_reconnect)
        early: list[dict[str, Any]] = []
        missing = 1 + len(workspaces)
        async with asyncio.timeout(_LOST_SECONDS):
            while missing:
                message = await pubsub.get_message(timeout=_QUIET_SECONDS)
                if message is not None and message["type"] == "subscribe":
                    missing -= 1
                elif message is not None:
                    early.append(message)
        for workspace in workspaces:
            after = self._hub.position(workspace)
            answer = await self._batcher.read(*read_command(workspace, after))
            self._hub.catch_up(workspace, decode_kept(answer, after))
        self._pubsub = pubsub
        for message in early:
            self._handle(message)
        self._hub.recovered()

    async def _hear_all(self, pubsub: PubSub) -> None:
        heard = time.monotonic()
        while True:
            message = await pubsub.get_message(timeout=_QUIET_SECONDS)
            if message is not None:
                heard = time.monotonic()
                self._handle(message)
            elif time.monotonic() - heard > _LOST_SECONDS:
                raise TimeoutError
            else:
                await pubsub.ping()

    def _handle(self, message: dict[str, Any]) -> None:
        if message["type"] in ("subscribe", "unsubscribe"):
            answer = self._unanswered.popleft()
            if not answer.done():
                answer.set_result(None)
        elif message["type"] == "message":
            workspace = message["channel"].decode()[_CHANNEL_PREFIX:]
            try:
                event = Event.decode(message["data"])
            except ValueError:
                FAILURES.labels("gateway", "live_events", "malformed").inc()
                logger.warning("live_event_malformed", workspace_id=workspace)
                return
            self._hub.deliver(workspace, event)

    def _disconnected(self) -> None:
        self._pubsub = None
        while self._unanswered:
            answer = self._unanswered.popleft()
            if not answer.done():
                answer.set_exception(SourceUnavailableError())
                # Whoever gave up waiting no longer looks at it.
                answer.exception()
        self._hub.lost()

    def _refuse_to_reconnect(self, _: object) -> NoReturn:
        raise RedisConnectionError("the connection was lost")
