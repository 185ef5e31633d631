"""The full-text index: behind what is stored, never before it, and right again after whatever happened."""

import asyncio
import os
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from processing.app.queries.search import prepare_connection
from processing.app.search import indexer
from processing.app.search.builder import TEXT_LIMIT, IndexedTrace, texts_of, texts_of_row, words_with_breaks
from processing.app.search.documents import index_traces
from processing.app.search.vector import encode_vector
from processing.tests.support import SECOND, WORKSPACE, Bench, llm_span, make_span, open_bench, settings_for, trace_body
from shared.domain import PayloadFormat
from shared.streams.contracts import SEARCH_GROUP, TRACES_STORED


@pytest.fixture
async def bench(each_traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Bench]:
    async with open_bench(settings_for(each_traces_url, metadata_url, redis_url)) as opened:
        yield opened


@asynccontextmanager
async def indexing(bench: Bench) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(indexer.run(bench.settings, stopping))
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, 20)


async def found(bench: Bench, query: str) -> set[uuid.UUID]:
    rows = await bench.pool.fetch(
        "select d.trace_id from search_documents d join traces t using (workspace_id, trace_id, start_time)"
        " where d.workspace_id = $1 and d.document @@ $2::text::tsquery",
        WORKSPACE,
        query,
    )
    return {uuid.UUID(bytes=row["trace_id"].bytes) for row in rows}


async def settled(bench: Bench, seconds: float = 20) -> None:
    """Wait until the index has seen everything."""
    async with asyncio.timeout(seconds):
        while True:
            # In this order, or what is announced in between is in neither.
            outbox = await bench.pool.fetchval("select count(*) from outbox")
            groups = await bench.redis.xinfo_groups(TRACES_STORED)
            if not outbox and groups and not groups[0]["pending"] and not groups[0]["lag"]:
                return
            await asyncio.sleep(0.05)


async def test_what_was_said_is_found_and_what_was_replaced_is_not(bench: Bench) -> None:
    ids = [uuid.UUID(bytes=os.urandom(16)) for _ in range(3)]
    start = time.time_ns() - 60 * SECOND
    async with indexing(bench), bench.worker():
        for number, trace_id in enumerate(ids):
            span = llm_span(trace_id.bytes, 1, start=start, input__value=f"where is parcel {number} zebra")
            await bench.send(trace_body(span, make_span(trace_id.bytes, 2, 1, start=start, error=f"Refused-{number}")))
        await bench.drain()
        await settled(bench)
        assert await found(bench, "zebra") == set(ids)
        assert await found(bench, "'parcel' <-> '1'") == {ids[1]}
        assert await found(bench, "'refused' <-> '2'") == {ids[2]}
        later = llm_span(ids[0].bytes, 1, start=start, duration=9 * SECOND, input__value="a giraffe instead")
        # An earlier span moves the trace to another time, and its document with it.
        earlier = make_span(ids[1].bytes, 9, start=start - 90_000 * SECOND, attributes={"input.value": "earlier okapi"})
        await bench.send(trace_body(later, earlier))
        await bench.drain()
        await settled(bench)
    assert await found(bench, "zebra") == {ids[1], ids[2]}
    assert await found(bench, "giraffe") == {ids[0]}
    assert await found(bench, "okapi & zebra") == {ids[1]}
    assert await bench.pool.fetchval("select count(*) from search_documents") == 3


async def test_messages_that_are_none_do_not_hold_up_the_index(bench: Bench) -> None:
    good = {"workspace_id": WORKSPACE, "workspace": "w", "trace_ids": ["ab" * 16], "revisions": [1]}
    broken = [b"{", b"[]", b"7", b"{}", *(orjson.dumps(good | {name: "x"}) for name in ("workspace_id", "trace_ids"))]
    broken += [orjson.dumps(good | {"trace_ids": ["x"]}), orjson.dumps(good | {"trace_ids": [5]})]
    for message in broken:
        await bench.redis.xadd(TRACES_STORED, {"m": message})
    await bench.redis.xadd(TRACES_STORED, {"other": b"field"})
    trace_id = uuid.UUID(bytes=os.urandom(16))
    async with indexing(bench), bench.worker():
        await bench.send(trace_body(llm_span(trace_id.bytes, 1, input__value="a quokka")))
        await bench.drain()
        await settled(bench)
    assert await found(bench, "quokka") == {trace_id}


async def test_messages_in_any_order_and_number_end_in_the_same_documents(bench: Bench) -> None:
    ids = [os.urandom(16) for _ in range(20)]
    for trace_id in ids:
        await bench.send(trace_body(llm_span(trace_id, 1, input__value=f"word{trace_id.hex()[:6]}")))
    await bench.process()
    keys = [uuid.UUID(bytes=trace_id) for trace_id in ids]
    pick = random.Random(1)
    async with bench.pool.acquire() as connection:
        await prepare_connection(connection)
        for _ in range(5):
            await index_traces(WORKSPACE, connection, pick.sample(keys, 12))
        await index_traces(WORKSPACE, connection, keys)
        # A trace that is gone loses its document.
        await connection.execute("delete from traces where trace_id = $1", keys[0])
        await index_traces(WORKSPACE, connection, keys)
    for key in keys[1:]:
        assert await found(bench, f"word{key.hex[:6]}") == {key}
    assert await bench.pool.fetchval("select count(*) from search_documents where trace_id = $1", keys[0]) == 0


async def test_the_index_waits_for_ingestion_and_goes_on_where_it_stopped(bench: Bench) -> None:
    trace_id = os.urandom(16)
    await bench.send(trace_body(llm_span(trace_id, 1, input__value="patient armadillo")))
    await bench.process()
    # Nobody stores this, so there is always something before the index.
    await bench.send(trace_body(llm_span(os.urandom(16), 1)))
    async with indexing(bench):
        await asyncio.sleep(1.5)
        assert await found(bench, "armadillo") == set()
        assert (await bench.redis.xpending(TRACES_STORED, SEARCH_GROUP))["pending"] == 1
    # Stopped before it was settled, the message is delivered again.
    async with bench.worker(), indexing(bench):
        await bench.drain()
        await settled(bench)
    assert await found(bench, "armadillo") == {uuid.UUID(bytes=trace_id)}


def test_each_text_counts_once_and_no_more_than_is_indexed() -> None:
    texts = ("same", "same", "x" * 10_000_000, "\x00nul \ud800", "ünï")
    collected = texts_of(IndexedTrace(texts, '{"key":"value"}', ("preview",)))
    assert collected.count("same") == 1
    assert sum(map(len, collected)) <= TEXT_LIMIT + 1000
    assert encode_vector(words_with_breaks(collected))
    many = encode_vector([f"w{number}" for number in range(1_000_000)])
    assert len(many) < 1 << 20


def test_a_payload_that_cannot_be_read_is_an_error_and_the_row_is_not() -> None:
    trace = IndexedTrace(("name",), None, ("preview",), [(PayloadFormat.OTLP_TRACES, b"no frame")])
    with pytest.raises(Exception, match=r"frame|Unknown|unknown|magic|descriptor"):
        texts_of(trace)
    assert texts_of_row(trace) == ["name", "preview"]
