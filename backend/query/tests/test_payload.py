"""One span with what was sent for it."""

from typing import Any

import asyncpg
import orjson
import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from query.app.models.traces import SpanWithPayload
from query.app.presentation import STRING_LIMIT_BYTES
from query.tests.conftest import WORKSPACE, Api
from shared.domain import PayloadFormat, SpanKind
from shared.ids import flat_span_key, span_hex, span_key
from shared.testing.traces import insert, recently, store_payload, store_trace

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PATH = f"/api/v1/traces/{TRACE}/spans/{SPAN}"
START = recently()
START_NS = int(START.timestamp() * 1000) * 1_000_000


def _value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    return AnyValue(string_value=str(value))


def _pairs(values: dict[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _traces(attributes: dict[str, object], *, end_ms: int | None = 5, span: str = SPAN) -> bytes:
    data = TracesData()
    resource = data.resource_spans.add()
    resource.resource.attributes.extend(_pairs({"service.name": "shop"}))
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.openai_v2"
    item = scope.spans.add(
        trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(span), name="chat gpt-4o", start_time_unix_nano=START_NS
    )
    if end_ms is not None:
        item.end_time_unix_nano = START_NS + end_ms * 1_000_000
    item.attributes.extend(_pairs(attributes))
    item.events.add(name="retry", time_unix_nano=START_NS, attributes=_pairs({"attempt": 2}))
    item.links.add(trace_id=b"\1" * 16, span_id=b"\2" * 8)
    return data.SerializeToString()


def _logs(body: str, *, span: str = SPAN) -> bytes:
    data = LogsData()
    record = (
        data.resource_logs.add()
        .scope_logs.add()
        .log_records.add(time_unix_nano=START_NS + 1, trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(span))
    )
    record.body.string_value = body
    return data.SerializeToString()


async def _store(database: asyncpg.Connection, *payloads: tuple[PayloadFormat, bytes], trace_id: str = TRACE) -> None:
    key = span_key(SPAN) if trace_id == TRACE else flat_span_key(trace_id)
    await store_trace(
        database, WORKSPACE, trace_id, start_time=START, spans=[{"span_id": key, "kind": SpanKind.LLM, "name": "chat"}]
    )
    for payload_format, frame in payloads:
        await store_payload(database, WORKSPACE, trace_id, [key, 7], payload_format, frame, start_time=START)


CHAT: dict[str, object] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 1,
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Where is my order?"}]}]',
    "gen_ai.output.messages": (
        '[{"role":"assistant","parts":[{"type":"text","content":"On its way."}],"finish_reason":"stop"}]'
    ),
}


async def test_an_otlp_span_shows_messages_attributes_events_links_and_resource(
    api: Api, database: asyncpg.Connection
) -> None:
    await _store(database, (PayloadFormat.OTLP_TRACES, _traces({**CHAT, "big": 2**60})))
    body = await api.read(PATH)
    span = body["data"]
    assert set(span) == set(SpanWithPayload.model_fields)
    assert SpanWithPayload.model_validate(span)
    assert (span["span_id"], span["trace_id"], span["has_payload"]) == (SPAN, TRACE, True)
    assert [(message["role"], message["content"]) for message in span["messages"]] == [("user", "Where is my order?")]
    assert [message["content"] for message in span["output_messages"]] == ["On its way."]
    assert span["input"] == "Where is my order?"
    assert span["output"] == "On its way."
    assert span["parameters"] == {"temperature": 1}
    assert span["attributes"]["gen_ai.request.model"] == "gpt-4o"
    assert span["attributes"]["big"] == str(2**60)
    assert span["resource"] == {"service.name": "shop"}
    assert span["events"][0]["name"] == "retry"
    assert span["links"][0]["trace_id"] == "01" * 16


async def test_log_records_of_the_span_join_it_and_those_of_others_do_not(
    api: Api, database: asyncpg.Connection
) -> None:
    await _store(
        database,
        (PayloadFormat.OTLP_LOGS, _logs("mine")),
        (PayloadFormat.OTLP_LOGS, _logs("mine")),
        (PayloadFormat.OTLP_LOGS, _logs("other", span=span_hex(7))),
        (PayloadFormat.OTLP_TRACES, _traces(CHAT)),
    )
    span = (await api.read(PATH))["data"]
    assert [record["body"] for record in span["logs"]] == ["mine"]


async def test_the_version_that_was_stored_is_the_one_shown(api: Api, database: asyncpg.Connection) -> None:
    frames = [
        _traces({"version": "open"}, end_ms=None),
        _traces({"version": "later end", "more": "attributes"}, end_ms=9),
        _traces({"version": "earlier end", "more": "attributes", "than": "the other"}, end_ms=5),
        _traces({"version": "of another span"}, end_ms=99, span=span_hex(7)),
    ]
    await _store(database, *((PayloadFormat.OTLP_TRACES, frame) for frame in frames))
    span = (await api.read(PATH))["data"]
    assert span["attributes"]["version"] == "later end"


async def test_a_flat_trace_shows_input_and_output(api: Api, database: asyncpg.Connection) -> None:
    trace_id = "order/7"
    item = {
        "trace_id": trace_id,
        "agent_id": "support",
        "timestamp": START.isoformat(),
        "latency_ms": 12,
        "status": "success",
        "model": "gpt-4o",
        "input": "Where is my order?",
        "output": {"answer": "On its way."},
        "metadata": {"plan": "pro"},
    }
    other = {**item, "trace_id": "another", "input": "not this"}
    await _store(database, (PayloadFormat.FLAT, orjson.dumps([other, item])), trace_id=trace_id)
    span = (await api.read(f"/api/v1/traces/order%2F7/spans/{span_hex(flat_span_key(trace_id))}"))["data"]
    assert span["trace_id"] == trace_id
    assert span["input"] == "Where is my order?"
    assert span["output"] == {"answer": "On its way."}


async def test_a_native_span_shows_tool_arguments_and_result(api: Api, database: asyncpg.Connection) -> None:
    item = {
        "trace_id": TRACE,
        "span_id": SPAN,
        "name": "search",
        "kind": "tool",
        "start_time": START.isoformat(),
        "duration_ms": 3,
        "tool_name": "search",
        "tool_arguments": {"q": "orders"},
        "tool_result": ["a", "b"],
        "attributes": {"shard": 4},
    }
    await _store(database, (PayloadFormat.NATIVE, orjson.dumps([item])))
    span = (await api.read(PATH))["data"]
    assert span["tool_arguments"] == {"q": "orders"}
    assert span["tool_result"] == ["a", "b"]
    assert span["attributes"] == {"shard": 4}


async def test_a_span_without_payload_shows_its_row(api: Api, database: asyncpg.Connection) -> None:
    await _store(database)
    span = (await api.read(PATH))["data"]
    assert span["has_payload"] is False
    assert span["name"] == "chat"
    assert (span["input"], span["messages"], span["attributes"], span["logs"]) == (None, [], {}, [])


@pytest.mark.parametrize("damage", [b"", b"not protobuf at all", b"\x0a\xff\xff\xff\xff\x7f"])
async def test_a_damaged_payload_takes_nothing_but_itself_away(
    api: Api, database: asyncpg.Connection, damage: bytes
) -> None:
    await _store(database, (PayloadFormat.OTLP_TRACES, damage), (PayloadFormat.FLAT, damage))
    row = dict(await database.fetchrow("select * from span_payloads limit 1") or {})
    await insert(database, "span_payloads", {**row, "body": b"not zstandard"})
    assert (await api.read(PATH))["data"]["name"] == "chat"
    await store_payload(
        database, WORKSPACE, TRACE, [span_key(SPAN)], PayloadFormat.OTLP_TRACES, _traces(CHAT), start_time=START
    )
    assert (await api.read(PATH))["data"]["output"] == "On its way."


async def test_F42_long_texts_are_cut_with_a_mark_unless_asked_for_in_full(
    api: Api, database: asyncpg.Connection
) -> None:
    long = "é" * (STRING_LIMIT_BYTES // 2 + 1)
    just_fits = "é" * (STRING_LIMIT_BYTES // 2)
    await _store(database, (PayloadFormat.OTLP_TRACES, _traces({"long": long, "fits": just_fits})))
    attributes: dict[str, Any] = (await api.read(PATH))["data"]["attributes"]
    assert attributes["fits"] == just_fits
    assert attributes["long"] == {"truncated": True, "bytes": STRING_LIMIT_BYTES + 2, "value": just_fits}
    assert (await api.read(PATH, {"full": "true"}))["data"]["attributes"]["long"] == long


async def test_F30_whatever_attributes_hold_the_answer_is_json(api: Api, database: asyncpg.Connection) -> None:
    deep = "[" * 500 + "]" * 500
    data = TracesData.FromString(_traces({"deep": deep, "nul": "a\0b", "\0key": "x", "surrogates": "\\ud800"}))
    span = data.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="nan", value=AnyValue(double_value=float("nan")))
    span.attributes.add(key="bytes", value=AnyValue(bytes_value=b"\xff\x00"))
    nested = AnyValue(string_value="bottom")
    for _ in range(40):
        nested = AnyValue(array_value=ArrayValue(values=[nested]))
    span.attributes.add(key="nested", value=nested)
    span.attributes.add(key="input.value", value=AnyValue(string_value=deep))
    await _store(database, (PayloadFormat.OTLP_TRACES, data.SerializeToString()))
    attributes = (await api.read(PATH))["data"]["attributes"]
    assert attributes["nan"] == "NaN"
    assert attributes["deep"] == deep
