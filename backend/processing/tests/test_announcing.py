"""Changes that make cached answers stale: of which days they are, and what happens while the cache is away."""

import asyncio
import os
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from processing.app.publisher import Relay
from processing.app.queries.outbox import Outbox
from processing.tests.support import SECOND, WORKSPACE, Bench, make_span, trace_body
from shared.changes import changes_key
from shared.redis import connect
from shared.streams.contracts import TRACES_STORED, ItemFormat


async def test_what_is_said_of_a_trace_makes_answers_about_its_days_stale_and_announces_nothing_else(
    bench: Bench,
) -> None:
    trace_id, day = os.urandom(16), timedelta(days=1)
    start = datetime.now(UTC) - 9 * day
    spans = [make_span(trace_id, n + 1, start=time.time_ns() - (9 - n) * 86_400 * SECOND) for n in range(3)]
    await bench.send(trace_body(*spans))
    await bench.process()
    score = {"trace_id": trace_id.hex(), "name": "n", "value": 1, "source": "code"}
    said: list[tuple[ItemFormat, dict[str, Any]]] = [
        ("scores", score),
        ("feedback", {"trace_id": trace_id.hex(), "rating": 1}),
        ("outcomes", {"trace_id": trace_id.hex(), "name": "n", "success": True}),
        ("scores", {**score, "trace_id": os.urandom(16).hex()}),
        ("outcomes", {"session_id": "s", "name": "n", "success": True}),
    ]
    touched = {(start + n * day).date() for n in range(3)}
    for item_format, item in said:
        before, announced = await day_counts(bench), await bench.redis.xlen(TRACES_STORED)
        await bench.send([item], item_format)
        await bench.process()
        after = await day_counts(bench)
        is_of_trace = item.get("trace_id") == trace_id.hex()
        assert {day for day in after if after[day] != before.get(day)} == {
            datetime.now(UTC).date(),
            *(touched if is_of_trace else ()),
        }
        assert await bench.redis.xlen(TRACES_STORED) == announced


async def day_counts(bench: Bench) -> dict[date, bytes]:
    counts: Any = await bench.redis.hgetall(changes_key(WORKSPACE))
    return {date.fromordinal(int(field)): count for field, count in counts.items() if field.isdigit()}


async def test_changes_that_the_cache_did_not_take_are_noted_later(bench: Bench) -> None:
    away = connect("redis://127.0.0.1:1/0")
    stopping = asyncio.Event()
    relay = Relay(bench.redis, away, Outbox(bench.pool), stopping)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    await relay.note({WORKSPACE: {yesterday}})
    assert await day_counts(bench) == {}
    relay._cache = bench.redis
    running = asyncio.create_task(relay.run())
    async with asyncio.timeout(10):
        while not await day_counts(bench):
            await asyncio.sleep(0.02)
    stopping.set()
    await running
    assert await day_counts(bench) == {yesterday: b"1"}
    await away.aclose()
