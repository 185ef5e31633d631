import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard

from processing.app import publisher
from processing.app.publisher import Relay
from processing.app.queries.outbox import Outbox
from processing.tests.support import (
    SECOND,
    WORKSPACE_ID,
    Bench,
    llm_span,
    log_body,
    make_log,
    make_span,
    request_of,
    trace_body,
)
from shared.domain import PayloadFormat
from shared.ids import flat_span_key, trace_key
from shared.normalisation.payload import read_payload
from shared.streams.contracts import (
    PROCESSING_GROUP,
    TRACES_PENDING,
    TRACES_STORED,
    TracesStored,
    workspace_channel,
)


async def test_request_becomes_spans_trace_payload_and_receipt(bench: Bench) -> None:
    trace_id = os.urandom(16)
    pending = await bench.send(
        trace_body(
            make_span(trace_id, 1, gen_ai__agent__name="helper", openinference__span__kind="AGENT"),
            llm_span(trace_id, 2, 1),
        )
    )
    await bench.process()
    spans = await bench.rows("spans", "span_id")
    assert [row["span_id"] for row in spans] == [1, 2]
    assert spans[1]["tokens_input"] == 100
    (trace,) = await bench.rows("traces")
    assert trace["trace_id"].bytes == trace_id
    assert (trace["span_count"], trace["agent_id"], trace["service"]) == (2, "helper", "tests")
    (payload,) = await bench.rows("span_payloads")
    assert payload["span_ids"] == [1, 2]
    assert [source.span_id for source in read_payload(PayloadFormat(payload["format"]), payload["body"])] == [1, 2]
    assert await bench.counts(pending) == (2, 2, 0, 0, 0)
    assert await bench.pending() == 0
    await bench.check_sums()


async def test_sums_hold_over_rejected_duplicate_and_stored_items(bench: Bench) -> None:
    trace_id = os.urandom(16)
    first = await bench.send(trace_body(make_span(trace_id, 1)))
    old = make_span(trace_id, 2, start=time.time_ns() - 200 * 86_400 * SECOND)
    second = await bench.send(trace_body(make_span(trace_id, 1), make_span(trace_id, 3), old))
    await bench.process()
    assert await bench.counts(first) == (1, 1, 0, 0, 0)
    assert (await bench.counts(second))[0] == 3
    receipt = await bench.receipt(second)
    assert (receipt["stored"] + receipt["duplicate"], receipt["rejected"]) == (2, 1)
    assert receipt["reasons"] == '{"start_time_too_old": 1}'
    assert receipt["digest"] is None
    assert len(await bench.rows("spans")) == 2
    await bench.check_sums()


async def test_native_flat_and_json_requests_are_stored_alike(bench: Bench) -> None:
    now = datetime.now(UTC) - timedelta(minutes=1)
    flat = {
        "trace_id": "order-4711",
        "agent_id": "shop",
        "timestamp": now.isoformat(),
        "input": "hi",
        "output": "there",
        "latency_ms": 1500,
        "status": "success",
        "model": "gpt-4o",
        "model_provider": "openai",
        "tokens_input": 10,
        "tokens_output": 5,
    }
    native = {
        "trace_id": "job/1",
        "span_id": "a" * 16,
        "name": "run",
        "kind": "agent",
        "start_time": now.isoformat(),
        "end_time": (now + timedelta(seconds=2)).isoformat(),
        "attributes": {"a": 1},
    }
    requests = [await bench.send([flat], "flat"), await bench.send([native], "spans")]
    body = (
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"00000000000000ff","name":"j",'
        b'"startTimeUnixNano":"%d","endTimeUnixNano":"%d"}]}]}]}'
    ) % (b"ab" * 16, time.time_ns() - SECOND, time.time_ns())
    requests.append(await bench.send(body, "otlp_traces_json"))
    await bench.process()
    for pending in requests:
        assert await bench.counts(pending) == (1, 1, 0, 0, 0)
    traces = {row["trace_id"].bytes: row for row in await bench.rows("traces")}
    shop = traces[trace_key("order-4711")]
    assert (shop["external_id"], shop["duration_us"], shop["tokens_total"]) == ("order-4711", 1_500_000, 15)
    assert traces[trace_key("job/1")]["external_id"] == "job/1"
    assert {row["span_id"] for row in await bench.rows("spans")} >= {flat_span_key("order-4711"), 255}
    for row in await bench.rows("span_payloads"):
        assert [source.span_id for source in read_payload(PayloadFormat(row["format"]), row["body"])] == row["span_ids"]


async def test_external_id_survives_spans_without_one(bench: Bench) -> None:
    trace_id = trace_key("order-1")
    flat = {"trace_id": "order-1", "agent_id": "a", "timestamp": datetime.now(UTC).isoformat(), "status": "success"}
    await bench.send([flat], "flat")
    await bench.process()
    await bench.send(trace_body(make_span(trace_id, 5, 6)))
    await bench.process()
    (trace,) = await bench.rows("traces")
    assert (trace["external_id"], trace["span_count"]) == ("order-1", 2)


async def test_trace_row_moves_to_its_new_start(bench: Bench) -> None:
    trace_id = os.urandom(16)
    now = time.time_ns()
    await bench.send(trace_body(make_span(trace_id, 2, 1, start=now - SECOND)))
    await bench.process()
    (before,) = await bench.rows("traces")
    late = await bench.send(trace_body(make_span(trace_id, 1, start=now - 7 * 86_400 * SECOND, name="root")))
    await bench.process()
    (after,) = await bench.rows("traces")
    assert before["start_time"] - after["start_time"] > timedelta(days=6)
    assert (after["name"], after["span_count"], after["revision"]) == ("root", 2, 2)
    assert await bench.counts(late) == (1, 1, 0, 0, 0)
    (head,) = await bench.rows("trace_heads")
    assert (head["first_start"], head["revision"]) == (after["start_time"], 2)
    assert head["last_start"] == before["start_time"]


async def test_later_version_of_a_span_replaces_the_open_one(bench: Bench) -> None:
    trace_id = os.urandom(16)
    start = time.time_ns() - 10 * SECOND
    await bench.send(trace_body(make_span(trace_id, 1, start=start, duration=None)))
    await bench.process()
    (trace,) = await bench.rows("traces")
    assert trace["duration_us"] is None
    ended = await bench.send(trace_body(make_span(trace_id, 1, start=start, duration=3 * SECOND)))
    await bench.process()
    (span,) = await bench.rows("spans")
    (trace,) = await bench.rows("traces")
    assert span["duration_us"] == trace["duration_us"] == 3_000_000
    assert await bench.counts(ended) == (1, 0, 1, 0, 0)
    stale = await bench.send(trace_body(make_span(trace_id, 1, start=start, duration=None)))
    await bench.process()
    assert (await bench.rows("spans"))[0]["duration_us"] == 3_000_000
    assert await bench.counts(stale) == (1, 0, 1, 0, 0)
    assert (await bench.rows("traces"))[0]["revision"] == 2


async def test_placeholder_is_an_open_version_of_the_span_it_announces(bench: Bench) -> None:
    trace_id = os.urandom(16)
    start = time.time_ns() - 10 * SECOND
    await bench.send(
        trace_body(
            make_span(
                trace_id,
                99,
                2,
                start=start,
                duration=0,
                logfire__span_type="pending_span",
                logfire__pending_parent_id="0000000000000001",
            )
        )
    )
    await bench.process()
    (span,) = await bench.rows("spans")
    assert (span["span_id"], span["parent_span_id"], span["duration_us"]) == (2, 1, None)
    await bench.send(trace_body(make_span(trace_id, 2, 1, start=start)))
    await bench.process()
    (span,) = await bench.rows("spans")
    assert (span["span_id"], span["duration_us"]) == (2, 1_000_000)
    await bench.check_sums()


async def test_logs_before_and_after_their_span_give_the_same_trace(bench: Bench) -> None:
    before, after = os.urandom(16), os.urandom(16)
    start = time.time_ns() - 20 * SECOND

    def facts(trace_id: bytes) -> bytes:
        return log_body(
            make_log(trace_id, 1, "gen_ai.client.inference.operation.details", time_ns=start, user__id="ann"),
            make_log(trace_id, 1, "something.else", time_ns=start),
        )

    logs = await bench.send(facts(before), "otlp_logs")
    await bench.process()
    assert await bench.rows("traces") == []
    assert await bench.counts(logs) == (2, 2, 0, 0, 0)
    await bench.send(trace_body(make_span(before, 1, start=start)))
    await bench.send(trace_body(make_span(after, 1, start=start)))
    await bench.process()
    await bench.send(facts(after), "otlp_logs")
    again = await bench.send(facts(before), "otlp_logs")
    await bench.process()
    traces = await bench.rows("traces")
    assert [(row["user_id"], row["span_count"]) for row in traces] == [("ann", 1), ("ann", 1)]
    assert len(await bench.rows("span_logs")) == 4
    assert await bench.counts(again) == (2, 0, 2, 0, 0)
    await bench.check_sums()


async def test_scores_feedback_outcomes_and_reports_are_stored_once(bench: Bench) -> None:
    trace_id = "ab" * 16
    scores = [
        {"trace_id": trace_id, "name": "quality", "value": 0.5, "source": "judge", "comment": "fine"},
        {"trace_id": trace_id, "span_id": "00000000000000ff", "name": "passed", "value": True, "source": "code"},
        {"trace_id": "other", "name": "label", "value": "good", "source": "human"},
    ]
    requests = [
        request_of(scores, "scores"),
        request_of([{"trace_id": trace_id, "rating": -1, "comment": "no"}], "feedback"),
        request_of([{"session_id": "s", "success": True, "value_usd": 1.25}], "outcomes"),
        request_of({"created": 5, "delivered": 3, "sampled": 1, "dropped": {"queue_full": 1}}, "client_report"),
    ]
    await bench.append(*requests)
    await bench.process()
    stored = await bench.rows("scores", "name")
    assert [row["value_label"] or row["value_boolean"] or row["value_number"] for row in stored] == ["good", True, 0.5]
    assert [row["rating"] for row in await bench.rows("feedback")] == [-1]
    assert [row["value_nano"] for row in await bench.rows("outcomes")] == [1_250_000_000]
    assert [row["dropped"] for row in await bench.rows("client_reports")] == ['{"queue_full": 1}']
    for pending, _ in requests:
        assert await bench.counts(pending) == (pending.received, pending.received, 0, 0, 0)
    await bench.append(*requests)
    await bench.process()
    assert len(await bench.rows("scores")) == 3
    await bench.check_sums()


async def test_F33_score_of_a_trace_that_nobody_sent_is_kept(bench: Bench) -> None:
    pending = await bench.send([{"trace_id": "nobody", "name": "quality", "value": 1}], "scores")
    await bench.process()
    assert await bench.counts(pending) == (1, 1, 0, 0, 0)
    assert [row["trace_id"].bytes for row in await bench.rows("scores")] == [trace_key("nobody")]


async def test_F33_children_that_come_before_their_parents_make_one_trace_with_them(bench: Bench) -> None:
    trace_id = os.urandom(16)
    for span_id, parent in ((3, 2), (2, 1)):
        await bench.send(trace_body(llm_span(trace_id, span_id, parent)))
        await bench.process()
    (trace,) = await bench.rows("traces")
    assert (trace["span_count"], trace["name"]) == (2, "chat gpt-4o")
    await bench.send(trace_body(make_span(trace_id, 1, name="agent", user__id="u")))
    await bench.process()
    (trace,) = await bench.rows("traces")
    assert (trace["span_count"], trace["name"], trace["user_id"], trace["revision"]) == (3, "agent", "u", 3)
    assert await bench.rows("dead_letters") == []


async def test_changed_traces_are_announced_with_their_revision(bench: Bench) -> None:
    trace_id = os.urandom(16)
    listener: Any = bench.redis.pubsub()
    await listener.subscribe(workspace_channel(WORKSPACE_ID))
    await bench.send(trace_body(make_span(trace_id, 1)))
    await bench.process()
    await bench.send(trace_body(make_span(trace_id, 2)))
    await bench.process()
    entries: Any = await bench.redis.xrange(TRACES_STORED)
    messages = [TracesStored.decode(fields) for _, fields in entries]
    assert [(message.trace_ids, message.revisions) for message in messages] == [
        ([trace_id.hex()], [1]),
        ([trace_id.hex()], [2]),
    ]
    assert await bench.rows("outbox") == []
    heard = []
    while (message := await listener.get_message(timeout=0.5)) is not None:
        if message["type"] == "message":
            heard.append(message["data"])
    await listener.aclose()
    assert len(heard) == 2
    assert trace_id.hex().encode() in heard[0]


async def test_what_a_crash_left_in_the_outbox_is_announced_later(bench: Bench) -> None:
    await bench.pool.execute(
        "insert into outbox (workspace_id, workspace, trace_ids, revisions) values (1, gen_random_uuid(), $1, $2)",
        [os.urandom(16).hex()],
        [3],
    )
    async with bench.worker():
        while await bench.rows("outbox"):
            pass
    assert await bench.redis.xlen(TRACES_STORED) == 1


async def test_requests_of_one_entry_have_receipts_of_their_own(bench: Bench) -> None:
    trace_id = os.urandom(16)
    requests = [request_of(trace_body(make_span(trace_id, number))) for number in range(1, 6)]
    await bench.append(*requests)
    await bench.process()
    for pending, _ in requests:
        assert await bench.counts(pending) == (1, 1, 0, 0, 0)
    (trace,) = await bench.rows("traces")
    assert (trace["span_count"], trace["revision"]) == (5, 1)


async def test_damaged_entries_become_dead_letters(bench: Bench) -> None:
    pending, body = request_of(trace_body(make_span(os.urandom(16), 1)))
    await bench.queue.append(0, [pending], b"this is not zstd")
    short, _ = request_of(body)
    short.size += 5
    await bench.queue.append(0, [short], zstandard.compress(body))
    await bench.redis.xadd(TRACES_PENDING, {"h": b"{", "d": b"x"})
    await bench.process()
    assert await bench.pending() == 0
    letters = await bench.rows("dead_letters")
    assert [letter["reason"] for letter in letters] == ["undecodable"] * 3
    assert await bench.counts(pending) == (1, 0, 0, 0, 1)
    assert await bench.counts(short) == (1, 0, 0, 0, 1)
    assert (await bench.redis.xinfo_groups(TRACES_PENDING))[0]["name"] == PROCESSING_GROUP.encode()
    await bench.check_sums()


async def test_announcements_are_trimmed_only_below_what_some_group_still_needs(bench: Bench) -> None:
    relay = Relay(bench.redis, bench.redis, Outbox(bench.pool), asyncio.Event())
    for number in range(1, 13):
        await bench.redis.xadd(TRACES_STORED, {"m": b"{}"}, id=f"{number}-1")
    await bench.redis.xgroup_create(TRACES_STORED, "quick", id="0")
    await bench.redis.xgroup_create(TRACES_STORED, "slow", id="0")
    await bench.redis.xreadgroup("quick", "a", {TRACES_STORED: ">"})
    await bench.redis.xack(TRACES_STORED, "quick", *[f"{number}-1" for number in range(1, 13)])
    await bench.redis.xreadgroup("slow", "b", {TRACES_STORED: ">"}, count=11)
    # Only the newest is acknowledged; the other ten are delivered and not done.
    await bench.redis.xack(TRACES_STORED, "slow", "11-1", *[f"{number}-1" for number in range(1, 9)])
    await relay.trim(exact=True)
    left: Any = await bench.redis.xrange(TRACES_STORED)
    assert [identifier for identifier, _ in left] == [b"9-1", b"10-1", b"11-1", b"12-1"]


async def test_announcements_nobody_reads_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "KEPT_WITHOUT_GROUPS", 3)
    for _ in range(10):
        await bench.redis.xadd(TRACES_STORED, {"m": b"{}"})
    await Relay(bench.redis, bench.redis, Outbox(bench.pool), asyncio.Event()).trim(exact=True)
    assert await bench.redis.xlen(TRACES_STORED) == 3
