"""How much CPU the checks before each request take: API key and limits, for valid, unknown and malformed keys."""

import argparse
import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from shared.auth.epoch import RevocationEpoch
from shared.auth.keys import KeyVerifier, generate_key
from shared.database import create_pool
from shared.errors import UnauthorizedError
from shared.ratelimit import Bucket, RateLimiter
from shared.redis import RedisBatcher, connect

from bench.report import print_table
from bench.stack import running_stack

NAME = "overhead"

Check = Callable[[], Awaitable[object]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--requests", type=int, default=20_000, help="requests of each kind (default 20,000)")
    parser.add_argument("--concurrency", type=int, default=64, help="requests under way at once (default 64)")


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure process CPU around the very objects the services use, against the real servers."""
    async with running_stack() as stack:
        key = await stack.credentials()
        pool = await create_pool(stack.setting("POSTGRES_URL"), service="bench", size=4)
        client = connect(stack.setting("REDIS_URL"))
        batcher = RedisBatcher(client)
        verifier = KeyVerifier(pool, stack.setting("API_KEY_SALT"), RevocationEpoch(batcher), "bench")
        limiter = RateLimiter(batcher)
        unknown, malformed = generate_key(), key[:-1] + ("0" if key[-1] != "0" else "1")
        random_keys = iter([generate_key() for _ in range(options.requests + options.concurrency)])
        buckets = [Bucket("bench:key", 1e9, 1e9), Bucket("bench:workspace", 1e9, 1e9)]

        async def limited() -> None:
            await verifier.verify(key)
            await limiter.take(buckets)

        checks: dict[str, Check] = {
            "valid key": lambda: verifier.verify(key),
            "valid key and limits": limited,
            "unknown key, repeated": lambda: _refused(verifier, unknown),
            "unknown keys, each another": lambda: _refused(verifier, next(random_keys)),
            "malformed key": lambda: _refused(verifier, malformed),
        }
        try:
            figures: dict[str, Any] = {
                name: await _measure(check, options.requests, options.concurrency) for name, check in checks.items()
            }
        finally:
            await pool.close()
            await client.aclose()
    print_table(
        f"CPU of the checking process, {options.requests:,} requests, {options.concurrency} at a time",
        ["check", "µs a request", "requests/s"],
        [[name, row["cpu_us"], f"{row['per_s']:,}"] for name, row in figures.items()],
    )
    return figures


async def _refused(verifier: KeyVerifier, key: str) -> None:
    with contextlib.suppress(UnauthorizedError):
        await verifier.verify(key)


async def _measure(check: Check, requests: int, concurrency: int) -> dict[str, float]:
    await check()
    left = iter(range(requests))

    async def worker() -> None:
        for _ in left:
            await check()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu_us": round(cpu / requests * 1e6, 1), "per_s": round(requests / wall)}
