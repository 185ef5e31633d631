"""Token buckets in Redis, taken in one atomic script, with a local fallback while Redis is away."""

import contextlib
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import NoScriptError, RedisError

from shared.errors import RateLimitedError
from shared.redis import RedisBatcher

# Buckets are refilled by the server's clock, so all processes agree. Either every bucket gives, or none does.
_TAKE = """
local now = redis.call('TIME')
local t = tonumber(now[1]) + tonumber(now[2]) / 1000000
local allowed, wait, tightest, left = 1, 0, 0, -1
local levels = {}
for i = 1, #KEYS do
  local capacity, rate, cost = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
  local state = redis.call('HMGET', KEYS[i], 'l', 't')
  local level = capacity
  if state[1] then level = math.min(capacity, tonumber(state[1]) + math.max(0, t - tonumber(state[2])) * rate) end
  levels[i] = level
  local need = math.min(cost, capacity)
  if level < need then
    allowed = 0
    wait = math.max(wait, (need - level) / rate)
  end
  local remaining = level - (level >= need and cost or 0)
  if left == -1 or remaining < left then left = remaining; tightest = i end
end
if allowed == 1 then
  for i = 1, #KEYS do
    local capacity, rate, cost = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
    redis.call('HSET', KEYS[i], 'l', tostring(levels[i] - cost), 't', tostring(t))
    redis.call('PEXPIRE', KEYS[i], math.ceil(2 * capacity / rate * 1000) + 1000)
  end
end
return {allowed, tostring(wait), tightest, tostring(math.max(0, left))}
"""
# Redis names scripts by their SHA-1.
_TAKE_SHA = hashlib.sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: ``capacity`` tokens at most, refilled at ``per_minute`` tokens a minute.

    A negative ``cost`` gives tokens back.
    """

    key: str
    per_minute: float
    capacity: float
    cost: float = 1


@dataclass(frozen=True, slots=True)
class Decision:
    """Answer of the limiter; ``headers`` are the standard rate limit headers of the tightest bucket."""

    allowed: bool
    limit: int
    remaining: int
    reset_at: int
    retry_after: int

    @property
    def headers(self) -> dict[str, str]:
        """Return the ``X-RateLimit-*`` headers; Reset is in seconds since the Unix epoch."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_at),
        }


class RateLimiter:
    """Takes tokens from buckets shared by all processes."""

    def __init__(self, batcher: RedisBatcher) -> None:
        self._batcher = batcher
        self._local = _LocalBuckets()

    async def take(self, buckets: Sequence[Bucket]) -> Decision:
        """Take each bucket's cost, or nothing when one of them lacks it.

        A cost above a bucket's capacity is let through when the bucket is full, and leaves it in debt. While Redis
        cannot be reached, buckets of this process alone decide.
        """
        keys = [f"limit:{bucket.key}" for bucket in buckets]
        numbers: list[float] = []
        for bucket in buckets:
            numbers += (bucket.capacity, bucket.per_minute / 60, bucket.cost)
        try:
            answer = await self._evaluate(keys, numbers)
        except (RedisError, OSError):
            return self._local.take(buckets)
        allowed, wait, tightest, left = int(answer[0]), float(answer[1]), int(answer[2]), float(answer[3])
        return _decide(buckets[max(0, tightest - 1)], bool(allowed), wait, left)

    async def check(self, buckets: Sequence[Bucket], message: str) -> Decision:
        """Like ``take``, for callers that only go on when allowed.

        Raises:
            RateLimitedError: A bucket lacks tokens; carries Retry-After and the rate limit headers.
        """
        decision = await self.take(buckets)
        if not decision.allowed:
            raise RateLimitedError(message, decision.retry_after, decision.headers)
        return decision

    async def clear(self, keys: Sequence[str]) -> None:
        """Fill buckets up, here and in Redis if it can be reached."""
        self._local.clear(keys)
        with contextlib.suppress(RedisError, OSError):
            await self._batcher.submit("DEL", *(f"limit:{key}" for key in keys))

    async def _evaluate(self, keys: list[str], numbers: list[float]) -> list[bytes]:
        try:
            answer: list[bytes] = await self._batcher.submit("EVALSHA", _TAKE_SHA, len(keys), *keys, *numbers)
        except NoScriptError:
            answer = await self._batcher.submit("EVAL", _TAKE, len(keys), *keys, *numbers)
        return answer


class _LocalBuckets:
    """The same rule in memory, bounded in entries."""

    def __init__(self, entries: int = 20_000) -> None:
        self._entries = entries
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def clear(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._levels.pop(key, None)

    def take(self, buckets: Sequence[Bucket]) -> Decision:
        now = time.monotonic()
        levels, wait, tightest, left = [], 0.0, buckets[0], math.inf
        for bucket in buckets:
            rate = bucket.per_minute / 60
            level, at = self._levels.get(bucket.key, (bucket.capacity, now))
            level = min(bucket.capacity, level + (now - at) * rate)
            levels.append(level)
            need = min(bucket.cost, bucket.capacity)
            if level < need:
                wait = max(wait, (need - level) / rate)
            remaining = level - (bucket.cost if level >= need else 0)
            if remaining < left:
                left, tightest = remaining, bucket
        if wait == 0.0:
            for bucket, level in zip(buckets, levels, strict=True):
                self._levels[bucket.key] = (level - bucket.cost, now)
                self._levels.move_to_end(bucket.key)
            while len(self._levels) > self._entries:
                self._levels.popitem(last=False)
        return _decide(tightest, wait == 0.0, wait, max(0.0, left))


def _decide(bucket: Bucket, allowed: bool, wait: float, left: float) -> Decision:
    refill = (bucket.capacity - left) / (bucket.per_minute / 60)
    return Decision(
        allowed=allowed,
        limit=int(bucket.per_minute),
        remaining=int(left),
        reset_at=int(time.time() + refill) + 1,
        retry_after=0 if allowed else max(1, math.ceil(wait)),
    )
