"""One trace and its spans."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest

from query.app.models.traces import Span, TraceWithSpans
from query.tests.conftest import WORKSPACE, Api
from shared.domain import CostSource, PayloadFormat, SpanKind, Status
from shared.ids import flat_span_key, span_hex, trace_key
from shared.testing.traces import recently, store_payload, store_score, store_trace

PATH = "/api/v1/traces"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_trace_comes_with_its_spans_in_tree_order(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    later = start + timedelta(milliseconds=5)
    spans: list[dict[str, Any]] = [
        {"span_id": "00000000000000a1", "kind": SpanKind.AGENT, "name": "root"},
        {"span_id": "00000000000000a3", "parent_span_id": "00000000000000a1", "start_time": later, "name": "second"},
        {"span_id": "00000000000000a2", "parent_span_id": "00000000000000a1", "name": "first"},
        {"span_id": "ffffffffffffffff", "parent_span_id": "00000000000000a2", "start_time": later, "name": "inner"},
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=spans)
    await store_payload(database, WORKSPACE, TRACE, [0xA2, -1], PayloadFormat.OTLP_TRACES, b"")
    await store_payload(database, WORKSPACE, TRACE, [0xA3], PayloadFormat.OTLP_LOGS, b"")
    await store_score(database, WORKSPACE, TRACE, "helpful", 1)
    body = await api.read(f"{PATH}/{TRACE}")
    trace = body["data"]
    assert [span["name"] for span in trace["spans"]] == ["root", "first", "inner", "second"]
    assert [span["has_payload"] for span in trace["spans"]] == [False, True, True, False]
    assert trace["spans"][2]["span_id"] == "ffffffffffffffff"
    assert trace["spans_cursor"] is None
    assert trace["scores"] == {"helpful": 1.0}
    assert set(trace) == set(TraceWithSpans.model_fields)
    assert TraceWithSpans.model_validate(trace)


async def test_F33_spans_without_their_parents_and_scores_without_their_trace(
    api: Api, database: asyncpg.Connection
) -> None:
    early, later = "c" * 32, "d" * 32
    for trace_id in (TRACE, early):
        await store_score(database, WORKSPACE, trace_id, "helpful", 1)
    assert (await api.read(PATH))["data"] == []
    assert (await api.get(f"{PATH}/{TRACE}")).status_code == 404
    start = recently()
    spans: list[dict[str, Any]] = [
        {"span_id": "00000000000000b1", "parent_span_id": "00000000000000ee", "name": "orphan"},
        {"span_id": "00000000000000b2", "parent_span_id": "00000000000000b1", "name": "child"},
        {"span_id": "00000000000000b3", "parent_span_id": "00000000000000dd", "name": "other orphan", "status": 1},
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=spans, error_count=1)
    await store_trace(database, WORKSPACE, later, start_time=start - timedelta(minutes=1), spans=[])
    listed = (await api.read(PATH))["data"]
    assert [(trace["trace_id"], trace["span_count"], trace["scores"]) for trace in listed] == [
        (TRACE, 3, {"helpful": 1.0}),
        (later, 0, {}),
    ]
    trace = (await api.read(f"{PATH}/{TRACE}"))["data"]
    assert [(span["name"], span["parent_span_id"]) for span in trace["spans"]] == [
        ("orphan", "00000000000000ee"),
        ("child", "00000000000000b1"),
        ("other orphan", "00000000000000dd"),
    ]
    # What the parent that never came would hold can be asked for like that of any other.
    children = (await api.read(f"{PATH}/{TRACE}/spans", {"parent": "00000000000000ee"}))["data"]
    assert [span["name"] for span in children] == ["orphan"]
    assert (await api.read(f"{PATH}/{TRACE}/spans/00000000000000b1"))["data"]["input"] is None
    assert (await api.get(f"{PATH}/{TRACE}/spans/00000000000000ee")).status_code == 404
    assert (await api.read(f"{PATH}/{later}"))["data"]["spans"] == []


async def test_a_span_shows_every_field_of_the_contract(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    columns: dict[str, Any] = {
        "kind": SpanKind.LLM,
        "status": Status.ERROR,
        "name": "chat gpt-4o",
        "duration_us": 1500,
        "agent_id": "support",
        "session_id": "s",
        "user_id": "u",
        "model": "gpt-4o-2024-08-06",
        "model_requested": "gpt-4o",
        "model_provider": "openai",
        "tokens_input": 10,
        "tokens_output": 5,
        "tokens_total": 15,
        "tokens_cached": 4,
        "tokens_reasoning": 1,
        "cost_nano": 1,
        "cost_source": CostSource.OVERRIDE,
        "price_id": 2412,
        "ttft_us": 250_500,
        "tool_name": "search",
        "service": "api",
        "error_type": "RateLimitError",
        "error_message": "slow down",
    }
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=[{"span_id": 5, **columns}])
    (span,) = (await api.read(f"{PATH}/{TRACE}/spans"))["data"]
    assert span == {
        "span_id": "0000000000000005",
        "parent_span_id": None,
        "trace_id": TRACE,
        "name": "chat gpt-4o",
        "kind": "llm",
        "status": "error",
        "start_time": start.isoformat().replace("+00:00", "Z"),
        "duration_ms": 1.5,
        "agent_id": "support",
        "session_id": "s",
        "user_id": "u",
        "model": "gpt-4o-2024-08-06",
        "model_requested": "gpt-4o",
        "model_provider": "openai",
        "tokens_input": 10,
        "tokens_output": 5,
        "tokens_total": 15,
        "tokens_cached": 4,
        "tokens_reasoning": 1,
        "cost_usd": 1e-9,
        "cost_source": "override",
        "price_id": 2412,
        "ttft_ms": 250.5,
        "tool_name": "search",
        "service": "api",
        "error": {"type": "RateLimitError", "message": "slow down"},
        "has_payload": False,
    }
    assert set(span) == set(Span.model_fields)


@pytest.mark.parametrize(
    "trace_id",
    [
        "order 7/retry?#&=%2F",
        "a/spans/b",
        "..",
        "🧑‍🚀-ночь-\u202e",
        "x" * 128,
        "%00",
        "4BF92F3577B34DA6A3CE929D0E0E473",
        "<script>alert(1)</script>",
        "'; drop table traces; --",
    ],
)
async def test_F43_a_trace_is_found_by_any_id(api: Api, database: asyncpg.Connection, trace_id: str) -> None:
    span_id = flat_span_key(trace_id)
    await store_trace(database, WORKSPACE, trace_id, spans=[{"span_id": span_id}])
    # A client would resolve dot segments before it sends them.
    address = f"{PATH}/{quote(trace_id, safe='').replace('.', '%2E')}"
    trace = (await api.read(address))["data"]
    assert trace["trace_id"] == trace["spans"][0]["trace_id"] == trace_id
    assert trace["spans"][0]["span_id"] == span_hex(span_id)
    span = (await api.read(f"{address}/spans/{span_hex(span_id)}"))["data"]
    assert (span["trace_id"], span["span_id"]) == (trace_id, span_hex(span_id))
    assert await api.trace_ids({"trace_id": trace_id}) == [trace_id]
    # The key itself names the trace too, and is answered with the id that was sent.
    assert (await api.read(f"{PATH}/{trace_key(trace_id).hex().upper()}"))["data"]["trace_id"] == trace_id


@pytest.mark.parametrize(
    "path",
    ["absent", "0" * 32, "%FF%FE", "x" * 5000, "absent/spans", "absent/spans/1", f"{TRACE}/spans/absent", ""],
    ids=lambda path: path[:24],
)
async def test_what_does_not_exist_is_not_found(api: Api, database: asyncpg.Connection, path: str) -> None:
    await store_trace(database, WORKSPACE, TRACE)
    await store_trace(database, WORKSPACE, "\ufffd\ufffd")
    answer = await api.get(f"{PATH}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == {"code": "not_found", "message": "Not found.", "details": []}


@pytest.mark.parametrize("path", [TRACE, f"{TRACE}/spans", f"{TRACE}/spans/0000000000000001"])
async def test_unknown_parameters_of_a_trace_are_refused(api: Api, database: asyncpg.Connection, path: str) -> None:
    await store_trace(database, WORKSPACE, TRACE)
    answer = await api.get(f"{PATH}/{path}", {"colour": "1"})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "colour"


async def _all_spans(api: Api, params: dict[str, Any]) -> list[str]:
    found: list[str] = []
    cursor: str | None = None
    while True:
        body = await api.read(f"{PATH}/{TRACE}/spans", {**params, **({"cursor": cursor} if cursor else {})})
        found += [span["name"] for span in body["data"]]
        cursor = body["pagination"]["cursor"]
        assert body["pagination"]["has_more"] == (cursor is not None)
        if cursor is None:
            return found


async def test_F42_a_trace_of_thirty_thousand_spans_opens_and_pages(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    count = 30_000
    spans = [
        {
            "span_id": index + 1,
            # A hundred agents with their steps in a chain each.
            "parent_span_id": None if index == 0 else 1 if index <= 100 else index + 1 - 100,
            "name": str(index),
            "start_time": start + timedelta(microseconds=index),
        }
        for index in range(count)
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=spans)
    body = await api.read(f"{PATH}/{TRACE}")
    first = [span["name"] for span in body["data"]["spans"]]
    assert len(first) == 1000
    assert first[:4] == ["0", "1", "101", "201"]
    cursor = body["data"]["spans_cursor"]
    second = await api.read(f"{PATH}/{TRACE}/spans", {"cursor": cursor})
    assert len(second["data"]) == 1000
    names = await _all_spans(api, {})
    assert names[:1000] == first
    assert names[1000:2000] == [span["name"] for span in second["data"]]
    assert sorted(names, key=int) == [str(index) for index in range(count)]


async def test_children_of_a_span_come_by_time_and_in_pages(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    spans: list[dict[str, Any]] = [{"span_id": 1, "name": "root"}]
    for index in range(7):
        child = {"span_id": -index - 2, "parent_span_id": 1, "name": str(index)}
        spans.append({**child, "start_time": start + timedelta(seconds=index // 3)})
        spans.append({"span_id": 100 + index, "parent_span_id": -index - 2, "name": f"below {index}"})
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=spans)
    found = await _all_spans(api, {"parent": span_hex(1), "limit": 2})
    assert found == ["2", "1", "0", "5", "4", "3", "6"]
    assert await _all_spans(api, {"parent": span_hex(-4)}) == ["below 2"]
    assert await _all_spans(api, {"parent": span_hex(12345)}) == []


async def test_a_cursor_of_one_parent_does_not_fit_another(api: Api, database: asyncpg.Connection) -> None:
    spans = [{"span_id": 1}, *({"span_id": index, "parent_span_id": 1} for index in range(2, 5))]
    await store_trace(database, WORKSPACE, TRACE, spans=spans)
    body = await api.read(f"{PATH}/{TRACE}/spans", {"parent": span_hex(1), "limit": 1})
    params = {"parent": span_hex(2), "cursor": body["pagination"]["cursor"]}
    assert (await api.get(f"{PATH}/{TRACE}/spans", params)).status_code == 422
    assert (await api.get(f"{PATH}/{TRACE}/spans", {"cursor": body["pagination"]["cursor"]})).status_code == 422


async def test_spans_that_arrive_between_two_pages_repeat_none(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    spans = [
        {"span_id": index, "parent_span_id": 99, "name": str(index), "start_time": start + timedelta(seconds=index)}
        for index in range(1, 7)
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=spans, duration_us=None)
    first = await api.read(f"{PATH}/{TRACE}/spans", {"limit": 3})
    await database.execute(
        "insert into spans (workspace_id, trace_id, span_id, start_time, kind, status, name)"
        " select workspace_id, trace_id, 99, start_time, 1, 0, 'late root' from traces"
    )
    rest = await api.read(f"{PATH}/{TRACE}/spans", {"limit": 9, "cursor": first["pagination"]["cursor"]})
    assert [span["name"] for span in first["data"]] == ["1", "2", "3"]
    assert [span["name"] for span in rest["data"]] == ["4", "5", "6"]


async def test_F42_a_trace_that_runs_for_days_shows_the_spans_of_all_days(
    api: Api, database: asyncpg.Connection
) -> None:
    start = recently() - timedelta(days=5)
    spans = [
        {"span_id": day + 1, "parent_span_id": None if day == 0 else 1, "start_time": start + timedelta(days=day)}
        for day in range(5)
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=start, spans=spans)
    trace = (await api.read(f"{PATH}/{TRACE}"))["data"]
    assert [span["span_id"] for span in trace["spans"]] == [span_hex(index + 1) for index in range(5)]
