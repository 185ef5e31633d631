"""Crashes, hangs and lost connections of a worker and its servers."""

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest

from processing.app.consumer.entries import EntryReader
from processing.app.queries import storing
from processing.tests.child import MAGIC, PAUSED
from processing.tests.support import SECOND, Bench, llm_span, make_span, open_bench, request_of, trace_body
from shared.streams.contracts import PROCESSING_GROUP, TRACES_PENDING
from tests.harness.proxy import Mode, Proxy

# Connections that are cut while they are made are not closed by the client libraries, which is what they warn of.
pytestmark = pytest.mark.filterwarnings("ignore:[Uu]nclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Let warnings of what a test leaves behind come up in that test."""
    yield
    gc.collect()


@asynccontextmanager
async def child(bench: Bench, point: str) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = bench.settings
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "processing.tests.child",
        point,
        orjson.dumps([settings.timescale_url, settings.postgres_url, settings.redis_url]).decode(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def paused(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        # It may have logged before, such as that a query was slow.
        while (line := (await process.stdout.readline()).decode()).strip() != PAUSED:
            assert line, "it ended before it paused"


def two_spans(trace_id: bytes) -> bytes:
    return trace_body(make_span(trace_id, 1), llm_span(trace_id, 2, 1))


async def test_F01_killed_before_commit_is_stored_once_by_another(bench: Bench) -> None:
    pending = await bench.send(two_spans(os.urandom(16)))
    async with child(bench, "commit") as process:
        await paused(process)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    assert await bench.rows("spans") == []
    assert await bench.pending() == 1
    await bench.process()
    assert len(await bench.rows("spans")) == 2
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)
    await bench.check_sums()


async def test_F03_killed_after_commit_changes_nothing_when_delivered_again(bench: Bench) -> None:
    pending = await bench.send(two_spans(os.urandom(16)))
    async with child(bench, "settle") as process:
        await paused(process)
        process.send_signal(signal.SIGKILL)
        await process.wait()
    before = await bench.state(), await bench.rows("traces"), await bench.rows("ingest_stats")
    assert len(before[1]) == 1
    assert await bench.pending() == 1
    await bench.process()
    assert await bench.pending() == 0
    assert (await bench.state(), await bench.rows("traces"), await bench.rows("ingest_stats")) == before
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_F09_janitor_spares_consumers_with_pending_entries(bench: Bench) -> None:
    await bench.send(two_spans(os.urandom(16)))
    lost = EntryReader(bench.redis, bench.queue, 0.2)
    await lost.create_groups()
    assert len(await lost.read(10, None)) == 1
    idle = EntryReader(bench.redis, bench.queue, 0.2)
    assert await idle.read(10, None) == []
    await asyncio.sleep(0.05)
    assert await idle.remove_idle(0.02) == 1
    names = [row["name"].decode() for row in await bench.redis.xinfo_consumers(TRACES_PENDING, PROCESSING_GROUP)]
    assert names == [lost.name]
    await bench.process()
    assert len(await bench.rows("spans")) == 2
    assert await idle.remove_idle(0) == 1
    assert await bench.redis.xinfo_consumers(TRACES_PENDING, PROCESSING_GROUP) == []


@asynccontextmanager
async def behind_proxy(bench: Bench, name: str, url: str) -> AsyncIterator[tuple[Bench, Proxy]]:
    """Yield a bench whose worker reaches one server through a proxy."""
    port = urlsplit(url).port
    assert port is not None
    proxy = Proxy(port)
    settings = bench.settings.model_copy(update={name: url.replace(f":{port}/", f":{proxy.port}/")})
    try:
        async with open_bench(settings) as opened:
            yield opened, proxy
    finally:
        proxy.close()


def before_database(bench: Bench, tcp_urls: dict[str, str]) -> AbstractAsyncContextManager[tuple[Bench, Proxy]]:
    return behind_proxy(bench, "timescale_url", tcp_urls["timescale_url"])


async def test_F11_database_away_burns_no_attempt(bench: Bench, tcp_urls: dict[str, str]) -> None:
    async with before_database(bench, tcp_urls) as (opened, proxy), opened.worker():
        await opened.send(two_spans(os.urandom(16)))
        await opened.drain()
        proxy.set_mode(Mode.REFUSE)
        waiting = [await opened.send(two_spans(os.urandom(16))) for _ in range(3)]
        await asyncio.sleep(1.5)
        assert await bench.waiting() == 3
        rows: Any = await bench.redis.xpending_range(TRACES_PENDING, PROCESSING_GROUP, "-", "+", 10)
        assert {row["times_delivered"] for row in rows} == {1}
        proxy.set_mode(Mode.PASS)
        await opened.drain()
    assert await bench.rows("dead_letters") == []
    for pending in waiting:
        assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_F12_terminated_and_read_only_sessions_are_tried_again(bench: Bench) -> None:
    name = urlsplit(bench.settings.timescale_url).path[1:]
    owner = await asyncpg.connect(bench.settings.timescale_url)
    terminate = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1 and pid <> $2"
    try:
        async with open_bench(bench.settings) as opened, opened.worker():
            await opened.send(two_spans(os.urandom(16)))
            await opened.drain()
            await owner.execute(f"alter database {name} set default_transaction_read_only = on")
            await owner.fetchval(terminate, name, owner.get_server_pid())
            pending = await opened.send(two_spans(os.urandom(16)))
            await asyncio.sleep(0.7)
            assert await bench.waiting() == 1
            await owner.execute(f"alter database {name} reset default_transaction_read_only")
            await owner.fetchval(terminate, name, owner.get_server_pid())
            await opened.drain()
    finally:
        await owner.close()
    # The sessions of this test were terminated with the others.
    await bench.pool.expire_connections()
    assert await bench.rows("dead_letters") == []
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
async def test_F22_connection_reset_in_the_middle_of_storing(
    bench: Bench, tcp_urls: dict[str, str], share: float
) -> None:
    async with before_database(bench, tcp_urls) as (opened, proxy):
        trace_id = os.urandom(16)
        body = trace_body(
            *[llm_span(trace_id, number, note="x" * 50 + os.urandom(400).hex()) for number in range(1, 400)]
        )
        proxy.cut_after(int(share * len(body)))
        pending = await opened.send(body)
        await opened.process()
    assert len(await bench.rows("spans")) == 399
    assert await bench.counts(pending) == (399, 399, 0, 0, 0)
    await bench.check_sums()


async def test_F22_queue_connection_reset_while_settling(bench: Bench, tcp_urls: dict[str, str]) -> None:
    async with behind_proxy(bench, "redis_url", tcp_urls["redis_url"]) as (opened, proxy), opened.worker():
        pending = await bench.send(two_spans(os.urandom(16)))
        for _ in range(5):
            await asyncio.sleep(0.05)
            proxy.reset()
        await bench.drain()
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)
    assert len(await bench.rows("spans")) == 2


async def test_F36_long_work_keeps_its_entries(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    account: Any = storing._account
    calls = 0

    async def slow(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        await asyncio.sleep(1.5)
        return await account(*arguments)

    monkeypatch.setattr(storing, "_account", slow)
    pending = await bench.send(two_spans(os.urandom(16)))
    async with bench.worker(), bench.worker():
        await bench.drain()
    assert calls == 1
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_F25_only_the_item_that_kills_workers_is_lost_to_the_dead_letters(bench: Bench) -> None:
    trace_id = os.urandom(16)
    spans = [make_span(trace_id, number) for number in range(1, 5)]
    spans[2] = make_span(trace_id, 3, attributes={MAGIC: True})
    poisoned = await bench.send(trace_body(*spans))
    healthy = [await bench.send(two_spans(os.urandom(16))) for _ in range(3)]
    crashes = 0
    async with asyncio.timeout(100):
        while await bench.waiting():
            async with child(bench, "magic") as process:
                while process.returncode is None and await bench.waiting():
                    await asyncio.sleep(0.05)
                crashes += process.returncode is not None
    (letter,) = await bench.rows("dead_letters")
    assert (letter["reason"], letter["item_index"], letter["span_id"]) == ("worker_crash", 2, 3)
    assert crashes == 4
    assert await bench.counts(poisoned) == (4, 3, 0, 0, 1)
    for pending in healthy:
        assert await bench.counts(pending) == (2, 2, 0, 0, 0)
    assert not [key async for key in bench.redis.scan_iter("*:probe:*")]
    await bench.check_sums()


async def test_F41_stopping_worker_finishes_or_hands_back(bench: Bench) -> None:
    sent = [await bench.send(two_spans(os.urandom(16))) for _ in range(20)]
    async with bench.worker(processing_batch_entries=2):
        await asyncio.sleep(0.15)
    rows: Any = await bench.redis.xpending_range(TRACES_PENDING, PROCESSING_GROUP, "-", "+", 100)
    assert {row["times_delivered"] for row in rows} <= {0}
    await bench.process()
    for pending in sent:
        assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_F41_stopping_without_a_database_hands_back_uncounted(bench: Bench, tcp_urls: dict[str, str]) -> None:
    async with before_database(bench, tcp_urls) as (opened, proxy):
        async with opened.worker():
            await opened.send(two_spans(os.urandom(16)))
            await opened.drain()
            proxy.set_mode(Mode.REFUSE)
            pending = await opened.send(two_spans(os.urandom(16)))
            await asyncio.sleep(0.4)
        rows: Any = await bench.redis.xpending_range(TRACES_PENDING, PROCESSING_GROUP, "-", "+", 10)
        assert [row["times_delivered"] for row in rows] == [0]
    started = time.monotonic()
    await bench.process(processing_min_idle_seconds=30.0)
    assert time.monotonic() - started < 20
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_group_that_vanished_is_made_again(bench: Bench) -> None:
    async with bench.worker():
        await bench.send(two_spans(os.urandom(16)))
        await bench.drain()
        await bench.redis.delete(TRACES_PENDING)
        pending = await bench.send(two_spans(os.urandom(16)))
        await bench.drain()
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_partition_dropped_behind_the_worker_is_made_again(bench: Bench) -> None:
    long_ago = time.time_ns() - 40 * 86_400 * SECOND
    day = await bench.pool.fetchval("select to_char(to_timestamp($1), 'YYYYMMDD')", long_ago / SECOND)
    async with bench.worker():
        await bench.send(trace_body(make_span(os.urandom(16), 1, start=long_ago)))
        await bench.drain()
        for table in ("spans", "traces", "span_payloads"):
            await bench.pool.execute(f"drop table {table}_{day}")
        pending = await bench.send(trace_body(make_span(os.urandom(16), 1, start=long_ago)))
        await bench.drain()
    assert await bench.counts(pending) == (1, 1, 0, 0, 0)


async def test_requests_of_a_shard_are_read_like_any(bench: Bench) -> None:
    bench.queue.streams = ["traces:pending:{0}", "traces:pending:{1}"]
    requests = [request_of(two_spans(os.urandom(16))) for _ in range(4)]
    for number, request in enumerate(requests):
        await bench.append(request, shard=number)
    await bench.process()
    for pending, _ in requests:
        assert await bench.counts(pending) == (2, 2, 0, 0, 0)
