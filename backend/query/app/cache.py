"""Answers kept in Redis for as long as nothing that they tell of changes."""

import asyncio
import hashlib
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import zstandard
from redis.exceptions import RedisError

from query.app.basis import Answer
from shared.auth.context import AuthContext
from shared.changes import (
    Days,
    begin_counting,
    is_counting,
    pick_changes,
    read_all_changes,
    read_changes,
    result_key,
)
from shared.http.envelope import JsonResponse
from shared.redis import RedisBatcher
from shared.telemetry import CACHE_LOOKUPS, FAILURES

SERVICE = "query"
Load = Callable[[], Awaitable[Answer]]

_JITTER = 0.1
# How long one process computes what others wait for, and how often they look.
_LOCK_SECONDS = 5.0
_POLL_SECONDS = 0.02
# Spans are much alike, so a large answer takes a tenth of its length.
_COMPRESSED_BYTES = 8 * 1024
_IN_THREAD_BYTES = 256 * 1024
_MOST_BYTES = 512 * 1024
# The queue of what was accepted may live on the same server, and must not be short of memory for answers.
_MOST_MEMORY = 0.5
_ROOM_SECONDS = 2.0

_READS = ("GET", "HMGET", "HGETALL", "INFO")


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer as it is kept: its data as JSON, and what tells whether it still counts.

    ``changes`` is None while the counts of changes cannot be read.
    """

    data: bytes
    pagination: Mapping[str, object] | None
    days: Days | None
    good_until: float
    changes: str | None


class ResultCache:
    """Keeps the data of answers by workspace, permissions and what was asked.

    An answer counts until its time is over or a day that it rests on changes, whichever comes first. Of equal requests
    that miss at the same time one computes, across processes too. Without Redis every request computes.
    """

    def __init__(self, redis: RedisBatcher | None) -> None:
        """Build a cache; without Redis nothing is kept, but equal requests at the same time share one answer."""
        self._redis = redis
        self._running: dict[str, asyncio.Task[KeptAnswer]] = {}
        self._has_room = True
        self._looked_for_room = 0.0

    async def answer(
        self, caller: AuthContext, name: str, parameters: Mapping[str, object], load: Load
    ) -> tuple[KeptAnswer, bool]:
        """Return an answer, and whether it was kept.

        Args:
            caller: Whose answer it is.
            name: What is asked, for example ``home-kpis``.
            parameters: Everything that the answer depends on besides the caller and the present.
            load: Computes it.
        """
        key = _key(caller, name, parameters)
        found = await self._find(key, caller)
        if found is not None:
            CACHE_LOOKUPS.labels(SERVICE, "results", "hit").inc()
            return found, True
        CACHE_LOOKUPS.labels(SERVICE, "results", "miss").inc()
        answer, joined = await self._share(key, caller, load)
        if joined and answer.changes is not None and not await self._is_good(answer, caller):
            # It was begun before what changed was announced, which this request may have come after. The next one
            # was begun later.
            answer, _ = await self._share(key, caller, load)
        return answer, False

    async def _share(self, key: str, caller: AuthContext, load: Load) -> tuple[KeptAnswer, bool]:
        """Return what is computed, and whether that was under way already."""
        task = self._running.get(key)
        joined = task is not None
        if task is None:
            task = asyncio.create_task(self._compute(key, caller, load))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        # Whoever gives up waiting must not take the answer from the others.
        return await asyncio.shield(task), joined

    async def _compute(self, key: str, caller: AuthContext, load: Load) -> KeptAnswer:
        waited = await self._wait_for_another(key, caller)
        if waited is not None:
            return waited
        try:
            # Between the look of whoever asked and the lock, another may have finished.
            found = await self._find(key, caller)
            if found is not None:
                return found
            # Before the data are: what is committed later then makes the answer stale.
            counts = await self._count(caller)
            answer = await load()
            changes = None if counts is None else _digest(pick_changes(counts, answer.basis.days))
            data = JsonResponse(None).render(answer.data)
            good_until = time.time() + answer.basis.grace
            kept = KeptAnswer(data, answer.pagination, answer.basis.days, good_until, changes)
            if changes is not None:
                await self._store(key, kept, answer.basis.seconds)
        finally:
            await self._ask("DEL", _lock(key))
        return kept

    async def _wait_for_another(self, key: str, caller: AuthContext) -> KeptAnswer | None:
        """Return what another process computes meanwhile, None when it is for this one to compute."""
        deadline = time.monotonic() + _LOCK_SECONDS
        milliseconds = int(_LOCK_SECONDS * 1000)
        while time.monotonic() < deadline:
            if await self._ask("SET", _lock(key), b"1", "NX", "PX", milliseconds, default=True):
                return None
            await asyncio.sleep(_POLL_SECONDS)
            found = await self._find(key, caller)
            if found is not None:
                return found
        return None

    async def _find(self, key: str, caller: AuthContext) -> KeptAnswer | None:
        entry = await self._ask("GET", key)
        if entry is None:
            return None
        answer = await _unpack(key, bytes(entry))
        return answer if answer is not None and await self._is_good(answer, caller) else None

    async def _is_good(self, answer: KeptAnswer, caller: AuthContext) -> bool:
        if time.time() < answer.good_until:
            return True
        values = await self._ask(*read_changes(caller.workspace_number, answer.days))
        return values is not None and is_counting(values) and _digest(values) == answer.changes

    async def _count(self, caller: AuthContext) -> Mapping[bytes, bytes] | None:
        """Return how often each day has changed, None when that cannot be told."""
        workspace = caller.workspace_number
        counts: Mapping[bytes, bytes] | None = await self._ask(*read_all_changes(workspace))
        if counts is None or is_counting(pick_changes(counts, None)):
            return counts
        for command in begin_counting(workspace, secrets.token_hex(8)):
            await self._ask(*command)
        counts = await self._ask(*read_all_changes(workspace))
        return counts if counts is not None and is_counting(pick_changes(counts, None)) else None

    async def _store(self, key: str, answer: KeptAnswer, seconds: float) -> None:
        entry = await _pack(key, answer)
        if len(entry) <= _MOST_BYTES and await self._finds_room():
            seconds *= random.uniform(1 - _JITTER, 1 + _JITTER)
            await self._ask("SET", key, entry, "PX", max(1, int(seconds * 1000)))

    async def _finds_room(self) -> bool:
        if time.monotonic() - self._looked_for_room > _ROOM_SECONDS:
            self._looked_for_room = time.monotonic()
            memory = await self._ask("INFO", "memory", default={})
            most = memory.get("maxmemory", 0)
            self._has_room = not most or memory["used_memory"] < most * _MOST_MEMORY
        return self._has_room

    async def _ask(self, *command: Any, default: Any = None) -> Any:
        """Return the answer of Redis, or the default while it does not answer."""
        if self._redis is None:
            return default
        try:
            return await (self._redis.read(*command) if command[0] in _READS else self._redis.submit(*command))
        except (RedisError, OSError, TimeoutError) as error:
            FAILURES.labels(SERVICE, "result_cache", type(error).__name__).inc()
            return default


async def _pack(key: str, answer: KeptAnswer) -> bytes:
    days = None if answer.days is None else [day.toordinal() for day in answer.days]
    is_compressed = len(answer.data) > _COMPRESSED_BYTES
    data = answer.data
    if is_compressed:
        compress = zstandard.ZstdCompressor(level=1).compress
        data = await asyncio.to_thread(compress, data) if len(data) > _IN_THREAD_BYTES else compress(data)
    # The key inside tells an answer that a client library handed to the wrong request from the right one.
    head = [key, is_compressed, days, answer.good_until, answer.changes, answer.pagination]
    return JsonResponse(None).render(head) + b"\n" + data


async def _unpack(key: str, entry: bytes) -> KeptAnswer | None:
    head, _, data = entry.partition(b"\n")
    try:
        said_key, is_compressed, days, good_until, changes, pagination = orjson.loads(head)
        if said_key != key:
            return None
        if is_compressed:
            inflate = zstandard.ZstdDecompressor().decompress
            data = await asyncio.to_thread(inflate, data) if len(data) > _IN_THREAD_BYTES else inflate(data)
    except (ValueError, zstandard.ZstdError):
        return None
    found = None if days is None else (date.fromordinal(days[0]), date.fromordinal(days[1]))
    return KeptAnswer(data, pagination, found, good_until, changes)


def _digest(values: list[bytes | None]) -> str:
    return hashlib.blake2b(b",".join(value or b"-" for value in values), digest_size=12).hexdigest()


def _key(caller: AuthContext, name: str, parameters: Mapping[str, object]) -> str:
    may = ",".join(sorted(caller.permissions))
    asked = orjson.dumps([name, may, parameters], option=orjson.OPT_SORT_KEYS, default=str)
    digest = hashlib.blake2b(asked, digest_size=20).hexdigest()
    return result_key(caller.workspace_number, digest)


def _lock(key: str) -> str:
    return f"{key}:lock"
