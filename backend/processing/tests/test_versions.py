"""Repeated, reordered and simultaneous delivery: the same rows whatever the order."""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from processing.tests.support import (
    SECOND,
    Bench,
    llm_span,
    log_body,
    make_log,
    make_span,
    request_of,
    trace_body,
)


def versions_of_a_trace(trace_id: bytes, now: int) -> list[bytes]:
    """Return requests that overlap: an open and two ended versions of the root, late parts, a repeated response id."""
    start = now - 3600 * SECOND
    agent = {"gen_ai.agent.name": "planner", "openinference.span.kind": "AGENT"}

    def root(duration: int | None, **extra: str) -> Span:
        return make_span(trace_id, 1, name="root", start=start, duration=duration, attributes={**agent, **extra})

    return [
        trace_body(root(None)),
        trace_body(root(5 * SECOND), llm_span(trace_id, 2, 1)),
        trace_body(root(5 * SECOND, extra="more")),
        trace_body(llm_span(trace_id, 2, 1, session__id="s-1"), llm_span(trace_id, 3, 2, gen_ai__response__id="r")),
        trace_body(
            llm_span(trace_id, 4, 9, gen_ai__response__id="r", start=now - 7 * 86_400 * SECOND),
            make_span(trace_id, 5, 1, start=start + SECOND, duration=-SECOND, error="ToolTimeout: upstream"),
        ),
    ]


async def store_in_order(bench: Bench, bodies: Sequence[bytes], order: Sequence[int], sizes: Sequence[int]) -> None:
    """Store requests in an order, cut into entries that are processed one after the other."""
    await bench.pool.execute(
        "truncate trace_heads, spans, span_logs, span_payloads, traces, ingest_receipts, ingest_stats"
    )
    waiting = list(order)
    while waiting:
        for size in sizes:
            part, waiting = waiting[:size], waiting[size:]
            if part:
                await bench.append(*[request_of(bodies[number], digest=None) for number in part])
                await bench.drain()


async def test_F35_any_order_and_grouping_gives_the_same_rows(bench: Bench) -> None:
    trace_id, now = os.urandom(16), time.time_ns()
    bodies = versions_of_a_trace(trace_id, now)
    async with bench.worker():
        await store_in_order(bench, bodies, range(len(bodies)), [1])
        expected = await bench.state()
        assert [row["span_count"] for row in expected["traces"]] == [5]
        loop = asyncio.get_running_loop()

        @settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
        @given(
            order=st.permutations(range(len(bodies))),
            again=st.lists(st.sampled_from(range(len(bodies))), max_size=3),
            sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
        )
        def check(order: list[int], again: list[int], sizes: list[int]) -> None:
            work = store_in_order(bench, bodies, [*order, *again], sizes)
            asyncio.run_coroutine_threadsafe(work, loop).result(30)
            assert asyncio.run_coroutine_threadsafe(bench.state(), loop).result(30) == expected
            asyncio.run_coroutine_threadsafe(bench.check_sums(), loop).result(30)

        await asyncio.to_thread(check)


async def test_F34_two_workers_write_the_same_traces_at_once(bench: Bench) -> None:
    now = time.time_ns()
    traces = [os.urandom(16) for _ in range(12)]
    bodies = [versions_of_a_trace(trace_id, now) for trace_id in traces]
    requests = []
    for part in range(5):
        # Each entry holds a part of every trace, every other one in reverse.
        listed = bodies if part % 2 else bodies[::-1]
        requests.append([request_of(body[part], digest=None) for body in listed])
    async with bench.worker(processing_batch_items=30), bench.worker(processing_batch_items=30):
        for _ in range(3):
            for entry in requests:
                fresh = [request_of(body) for _, body in entry]
                await bench.append(*fresh)
        await bench.drain()
    traces_rows = await bench.rows("traces")
    assert len(traces_rows) == 12
    assert {row["span_count"] for row in traces_rows} == {5}
    assert len(await bench.rows("spans")) == 60
    assert await bench.rows("dead_letters") == []
    await bench.check_sums()


async def test_F31_the_same_request_many_times_is_stored_once(bench: Bench) -> None:
    trace_id = os.urandom(16)
    body = trace_body(make_span(trace_id, 1), llm_span(trace_id, 2, 1))
    first = await bench.send(body)
    await bench.process()
    before = await bench.state()
    again = [request_of(body) for _ in range(100)]
    async with bench.worker(processing_batch_items=20), bench.worker(processing_batch_items=20):
        for request in again:
            await bench.append(request)
        await bench.drain()
    assert await bench.state() == before
    assert await bench.counts(first) == (2, 2, 0, 0, 0)
    for pending, _ in again:
        assert await bench.counts(pending) == (2, 0, 2, 0, 0)
    assert len(await bench.rows("span_payloads")) == 1
    await bench.check_sums()


async def test_F31_same_entry_appended_twice_has_one_receipt(bench: Bench) -> None:
    request = request_of(trace_body(make_span(os.urandom(16), 1)))
    await bench.append(request)
    await bench.append(request)
    await bench.process()
    await bench.append(request)
    await bench.process()
    assert await bench.counts(request[0]) == (1, 1, 0, 0, 0)
    assert len(await bench.rows("spans")) == 1
    await bench.check_sums()


async def test_F31_partial_overlap_and_another_body_under_the_same_ids(bench: Bench) -> None:
    trace_id, start = os.urandom(16), time.time_ns() - 60 * SECOND
    await bench.send(trace_body(make_span(trace_id, 1, start=start), make_span(trace_id, 2, start=start)))
    await bench.process()
    overlap = await bench.send(trace_body(make_span(trace_id, 2, start=start), make_span(trace_id, 3, start=start)))
    richer = await bench.send(trace_body(make_span(trace_id, 1, name="renamed", start=start, a=1, b=2)))
    await bench.process()
    assert await bench.counts(overlap) == (2, 1, 1, 0, 0)
    assert await bench.counts(richer) == (1, 0, 1, 0, 0)
    rows = await bench.rows("spans", "span_id")
    assert [row["name"] for row in rows] == ["renamed", "step", "step"]


async def test_F31_span_repeated_inside_a_request_counts_once(bench: Bench) -> None:
    trace_id = os.urandom(16)
    span = make_span(trace_id, 1)
    pending = await bench.send(trace_body(span, span, make_span(trace_id, 2), span))
    await bench.process()
    assert await bench.counts(pending) == (4, 2, 2, 0, 0)


async def test_F31_ids_of_another_workspace_are_other_spans(bench: Bench) -> None:
    trace_id = os.urandom(16)
    body = trace_body(make_span(trace_id, 1), make_span(trace_id, 2))
    requests = [await bench.send(body, workspace=workspace) for workspace in (1, 2)]
    await bench.process()
    for pending in requests:
        assert await bench.counts(pending) == (2, 2, 0, 0, 0)


async def test_F32_repeated_usage_leaves_the_totals(bench: Bench) -> None:
    trace_id = os.urandom(16)
    spans = [make_span(trace_id, 1), llm_span(trace_id, 2, 1), llm_span(trace_id, 3, 1)]
    await bench.send(trace_body(*spans))
    await bench.process()
    (before,) = await bench.rows("traces")
    # One by one, so that no digest of a whole request is recognised.
    for span in spans:
        await bench.send(trace_body(span))
    await bench.process()
    (after,) = await bench.rows("traces")
    assert after == before
    assert (after["tokens_input"], after["tokens_output"], after["llm_call_count"]) == (200, 40, 2)


def outside_the_window(now: int) -> list[Span]:
    trace_id = os.urandom(16)
    times = [0, 1, 10**9, now // 1000, now // 10**6, now // 10**9, now + 2 * 3600 * SECOND, 2**64 - 1]
    return [make_span(trace_id, number + 1, start=time_ns, duration=None) for number, time_ns in enumerate(times)]


async def test_F38_times_outside_the_window_are_rejected_and_make_no_partition(bench: Bench) -> None:
    now = time.time_ns()
    spans = outside_the_window(now)
    good = make_span(spans[0].trace_id, 100, start=now - 89 * 86_400 * SECOND, duration=-5 * SECOND)
    ahead = make_span(spans[0].trace_id, 101, start=now + 300 * SECOND, duration=0)
    pending = await bench.send(trace_body(*spans, good, ahead))
    await bench.process()
    assert await bench.counts(pending) == (10, 2, 0, 8, 0)
    rows = await bench.rows("spans", "span_id")
    assert [row["duration_us"] for row in rows] == [0, 0]
    partitions: list[Any] = await bench.pool.fetch(
        "select relname from pg_class where relname ~ '^spans_(19|9|1000|2262|2554)'"
    )
    assert partitions == []
    await bench.check_sums()


async def test_logs_arriving_in_any_order_give_the_same_trace(bench: Bench) -> None:
    trace_id, now = os.urandom(16), time.time_ns()
    bodies = {
        "span": (trace_body(make_span(trace_id, 1, start=now - SECOND)), "otlp_traces"),
        "one": (log_body(make_log(trace_id, 1, "e", time_ns=now, user__id="ann", session__id="s")), "otlp_logs"),
        "two": (log_body(make_log(trace_id, 1, "exception", time_ns=now, exception__type="E")), "otlp_logs"),
    }
    seen = []
    for order in (("span", "one", "two"), ("two", "one", "span"), ("one", "span", "two")):
        await bench.empty()
        for name in order:
            body, item_format = bodies[name]
            await bench.send(body, item_format)  # type: ignore[arg-type]
            await bench.process()
        seen.append(await bench.state())
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["traces"][0]["user_id"] == "ann"
