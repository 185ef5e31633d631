"""Answers kept in Redis for as long as nothing that they tell of changes."""

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from redis.exceptions import RedisError

from query.app.windows import Window
from shared.auth.context import AuthContext
from shared.changes import read_changes, result_key
from shared.http.envelope import JsonResponse
from shared.redis import RedisBatcher
from shared.telemetry import CACHE_LOOKUPS, FAILURES

SERVICE = "query"
Load = Callable[[], Awaitable[object]]

# While data arrive, an answer about the present is as good as new for so long.
_FRESH_SECONDS = 2.0
_LONGEST_OPEN_SECONDS = 30.0
_RECENT_SECONDS = 600.0
_CLOSED_SECONDS = 3600.0
_JITTER = 0.1
# How long one process computes what others wait for, and how often they look.
_LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.02

_READS = ("GET", "HMGET")


class ResultCache:
    """Keeps the data of answers by workspace, permissions and what was asked.

    An answer counts until its time is over or a day of its window changes, whichever comes first. Of equal requests
    that miss at the same time one computes, across processes too. Without Redis every request computes.
    """

    def __init__(self, redis: RedisBatcher | None) -> None:
        """Build a cache; without Redis nothing is kept, but equal requests at the same time share one answer."""
        self._redis = redis
        self._running: dict[str, asyncio.Task[bytes]] = {}

    async def answer(
        self, caller: AuthContext, name: str, parameters: Mapping[str, object], window: Window, load: Load
    ) -> tuple[orjson.Fragment, bool]:
        """Return the data of an answer as JSON, and whether it was kept.

        Args:
            caller: Whose answer it is.
            name: What is asked, for example ``home-kpis``.
            parameters: Everything that the answer depends on besides the caller and the present.
            window: The times it tells of.
            load: Computes the data.
        """
        key = _key(caller, name, parameters)
        found = await self._find(key, caller, window)
        if found is not None:
            CACHE_LOOKUPS.labels(SERVICE, "results", "hit").inc()
            return orjson.Fragment(found), True
        CACHE_LOOKUPS.labels(SERVICE, "results", "miss").inc()
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._compute(key, caller, window, load))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        # Whoever gives up waiting must not take the answer from the others.
        return orjson.Fragment(await asyncio.shield(task)), False

    async def _compute(self, key: str, caller: AuthContext, window: Window, load: Load) -> bytes:
        waited = await self._wait_for_another(key, caller, window)
        if waited is not None:
            return waited
        try:
            # Between the look of whoever asked and the lock, another may have finished.
            found = await self._find(key, caller, window)
            if found is not None:
                return found
            changes = await self._changes(caller, window)
            data = JsonResponse(None).render(await load())
            if changes is not None:
                await self._store(key, caller, window, changes, data)
        finally:
            await self._ask("DEL", _lock(key))
        return data

    async def _wait_for_another(self, key: str, caller: AuthContext, window: Window) -> bytes | None:
        """Return what another process computes meanwhile, None when it is for this one to compute."""
        deadline = time.monotonic() + _LOCK_SECONDS
        milliseconds = int(_LOCK_SECONDS * 1000)
        while time.monotonic() < deadline:
            if await self._ask("SET", _lock(key), b"1", "NX", "PX", milliseconds, default=True):
                return None
            await asyncio.sleep(_POLL_SECONDS)
            found = await self._find(key, caller, window)
            if found is not None:
                return found
        return None

    async def _find(self, key: str, caller: AuthContext, window: Window) -> bytes | None:
        entry = await self._ask("GET", key)
        if entry is None:
            return None
        # The key inside tells an answer that a client library handed to the wrong request from the right one.
        head, _, data = bytes(entry).partition(b"\n")
        try:
            said_key, stored_at, changes = orjson.loads(head)
        except (orjson.JSONDecodeError, ValueError):
            return None
        if said_key != key:
            return None
        if window.is_open and time.time() - stored_at < _FRESH_SECONDS:
            return data
        return data if changes == await self._changes(caller, window) else None

    async def _store(self, key: str, caller: AuthContext, window: Window, changes: str, data: bytes) -> None:
        entry = orjson.dumps([key, time.time(), changes]) + b"\n" + data
        seconds = _lifetime(window) * random.uniform(1 - _JITTER, 1 + _JITTER)
        await self._ask("SET", key, entry, "PX", max(1, int(seconds * 1000)))

    async def _changes(self, caller: AuthContext, window: Window) -> str | None:
        """Return what differs whenever a day of the window has changed, None when that cannot be told."""
        first, last = window.start.date(), (window.until + timedelta(hours=1)).date()
        counts = await self._ask(*read_changes(caller.workspace_number, first, last))
        if counts is None:
            return None
        return hashlib.blake2b(b",".join(count or b"-" for count in counts), digest_size=12).hexdigest()

    async def _ask(self, *command: Any, default: Any = None) -> Any:
        """Return the answer of Redis, or the default while it does not answer."""
        if self._redis is None:
            return default
        try:
            return await (self._redis.read(*command) if command[0] in _READS else self._redis.submit(*command))
        except (RedisError, OSError, TimeoutError) as error:
            FAILURES.labels(SERVICE, "result_cache", type(error).__name__).inc()
            return default


def _key(caller: AuthContext, name: str, parameters: Mapping[str, object]) -> str:
    may = ",".join(sorted(caller.permissions))
    asked = orjson.dumps([name, may, parameters], option=orjson.OPT_SORT_KEYS, default=str)
    digest = hashlib.blake2b(asked, digest_size=20).hexdigest()
    return result_key(caller.workspace_number, digest)


def _lock(key: str) -> str:
    return f"{key}:lock"


def _lifetime(window: Window) -> float:
    if window.is_open:
        return min(_LONGEST_OPEN_SECONDS, max(5.0, window.length.total_seconds() / 2880))
    is_recent = datetime.now(UTC) - window.until < timedelta(days=1)
    return _RECENT_SECONDS if is_recent else _CLOSED_SECONDS
