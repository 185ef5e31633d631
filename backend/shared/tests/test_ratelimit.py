"""Token buckets: shared by all processes, all or nothing, and with a fallback that does not fail open."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.errors import RateLimitedError
from shared.ratelimit import Bucket, RateLimiter
from shared.redis import RedisBatcher, connect


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def unreachable() -> AsyncIterator[Redis]:
    client = connect("redis://127.0.0.1:1")
    yield client
    await client.aclose()


async def test_capacity_is_shared_by_concurrent_processes(client: Redis) -> None:
    limiters = [RateLimiter(RedisBatcher(client)) for _ in range(3)]
    bucket = Bucket("shared", per_minute=0.001, capacity=50)
    decisions = await asyncio.gather(*(limiters[index % 3].take([bucket]) for index in range(120)))
    assert sum(decision.allowed for decision in decisions) == 50


async def test_nothing_is_taken_when_one_bucket_lacks_tokens(client: Redis) -> None:
    limiter = RateLimiter(RedisBatcher(client))
    full, empty = Bucket("full", 0.001, 5), Bucket("empty", 0.001, 1)
    await limiter.take([empty])
    for _ in range(10):
        assert not (await limiter.take([full, empty])).allowed
    assert (await limiter.take([full])).remaining == 4


async def test_refusal_says_how_long_to_wait(client: Redis) -> None:
    limiter = RateLimiter(RedisBatcher(client))
    bucket = Bucket("waiting", per_minute=60, capacity=2)
    assert (await limiter.take([bucket])).headers["X-RateLimit-Limit"] == "60"
    await limiter.take([bucket])
    with pytest.raises(RateLimitedError) as refused:
        await limiter.check([bucket], "Too many.")
    assert refused.value.headers["Retry-After"] == "1"
    assert refused.value.headers["X-RateLimit-Remaining"] == "0"
    assert time.time() < int(refused.value.headers["X-RateLimit-Reset"]) < time.time() + 5


async def test_tokens_come_back_with_time(client: Redis) -> None:
    limiter = RateLimiter(RedisBatcher(client))
    bucket = Bucket("refilled", per_minute=6000, capacity=1)
    assert (await limiter.take([bucket])).allowed
    await asyncio.sleep(0.05)
    assert (await limiter.take([bucket])).allowed


async def test_cost_above_capacity_passes_a_full_bucket_and_leaves_debt(client: Redis) -> None:
    limiter = RateLimiter(RedisBatcher(client))
    assert (await limiter.take([Bucket("large", 60, 10, cost=25)])).allowed
    refused = await limiter.take([Bucket("large", 60, 10)])
    assert not refused.allowed
    assert refused.retry_after >= 15


async def test_script_survives_a_flushed_script_cache(client: Redis) -> None:
    limiter = RateLimiter(RedisBatcher(client))
    bucket = Bucket("flushed", 0.001, 3)
    await limiter.take([bucket])
    await client.script_flush()
    assert (await limiter.take([bucket])).remaining == 1


async def test_without_redis_the_process_limits_by_itself(unreachable: Redis) -> None:
    limiter = RateLimiter(RedisBatcher(unreachable))
    bucket = Bucket("local", 0.001, 3)
    decisions = [await limiter.take([bucket]) for _ in range(5)]
    assert [decision.allowed for decision in decisions] == [True, True, True, False, False]
