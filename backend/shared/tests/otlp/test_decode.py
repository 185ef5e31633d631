import json
import math
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.envelope import OtlpDecodeError
from shared.otlp.source import SourceSpan
from shared.otlp.wire import DEPTH_MARKER, write_field, write_varint
from shared.tests.otlp.messages import NOW_NS, SPAN_ID, TRACE_ID, any_value, log, logs, pairs, span, traces


def one(request: Any, **options: bool) -> SourceSpan:
    (decoded,) = decode_traces(request.SerializeToString(), **options)
    return decoded


def attributes_of(values: dict[str, object]) -> dict[str, object]:
    return dict(one(traces(span(attributes=pairs(values)))).attributes)


class TestProtobuf:
    def test_every_field_of_a_span_is_read(self) -> None:
        sent = span(
            parent_span_id=b"parent-1",
            trace_state="a=b",
            flags=0x100,
            attributes=pairs({"a": "text", "b": 1}),
            dropped_attributes_count=7,
            status=Status(code=Status.STATUS_CODE_ERROR, message="überlastet"),
        )
        sent.events.add(time_unix_nano=NOW_NS, name="exception", attributes=pairs({"exception.type": "E"}))
        sent.links.add(trace_id=b"t" * 16, span_id=b"s" * 8, attributes=pairs({"k": True}))
        request = traces(sent)
        request.resource_spans[0].scope_spans[0].scope.version = "1.2"
        request.resource_spans[0].scope_spans[0].scope.attributes.extend(pairs({"s": "t"}))

        got = one(request)

        assert (got.trace_id, got.span_id) == (TRACE_ID, int.from_bytes(SPAN_ID, "big"))
        assert got.parent_span_id == int.from_bytes(b"parent-1", "big", signed=True)
        assert (got.name, got.otel_kind) == ("chat", Span.SPAN_KIND_CLIENT)
        assert (got.start_ns, got.end_ns) == (sent.start_time_unix_nano, sent.end_time_unix_nano)
        assert (got.status_code, got.status_message) == (2, "überlastet")
        assert got.attributes == {"a": "text", "b": 1}
        assert (got.attribute_count, got.dropped_attributes_count) == (2, 7)
        assert [(event.name, event.time_ns, event.attributes) for event in got.events] == [
            ("exception", NOW_NS, {"exception.type": "E"})
        ]
        assert [(link.trace_id, link.span_id, link.attributes) for link in got.links] == [
            (b"t" * 16, b"s" * 8, {"k": True})
        ]
        assert (got.scope.name, got.scope.version, got.scope.attributes) == ("tests", "1.2", {"s": "t"})
        assert got.scope.resource == {"service.name": "test"}
        assert got.raw == sent.SerializeToString()

    def test_an_open_span_has_no_end(self) -> None:
        assert one(traces(span(end_time_unix_nano=0))).end_ns is None

    def test_spans_of_one_scope_share_its_object(self) -> None:
        first, second = decode_traces(traces(span(), span(name="two")).SerializeToString())
        assert first.scope is second.scope

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "text",
            "x" * 96,
            "x" * 200,
            "x" * 20_000,
            "x" * 3_000_000,
            "ü🚀",
            0,
            1,
            -1,
            2**53 + 1,
            2**63 - 1,
            -(2**63),
            0.0,
            -0.0,
            1.5,
            1e308,
            5e-324,
            math.inf,
            -math.inf,
            True,
            False,
            None,
            b"\x00\xff",
            b"",
            [],
            {},
            ["a", 1, None, [2.5]],
            {"a": {"b": [1, {"c": b"d"}]}, "__proto__": "x"},
        ],
    )
    def test_values_come_through_unchanged(self, value: object) -> None:
        for _ in range(2):
            got = attributes_of({"key": value})
            assert got == {"key": value}
            assert type(got["key"]) is type(value)

    def test_not_a_number_comes_through(self) -> None:
        value = attributes_of({"key": math.nan})["key"]
        assert isinstance(value, float)
        assert math.isnan(value)

    def test_of_duplicate_keys_the_last_wins(self) -> None:
        got = one(traces(span(attributes=[*pairs({"k": "first"}), *pairs({"k": "last"})])))
        assert got.attributes == {"k": "last"}
        assert got.attribute_count == 2

    def test_F30_invalid_utf8_is_replaced_and_costs_no_neighbour(self) -> None:
        bad = bytes(
            traces(span(name="AAAA", attributes=pairs({"BBBB": "CCCC"})), span(name="good")).SerializeToString()
        )
        for text in (b"AAAA", b"BBBB", b"CCCC"):
            bad = bad.replace(text, b"\xff\xc0\xafz")
        first, second = decode_traces(bad)
        assert first.name.endswith("z")
        assert "\ufffd" in first.name
        assert list(first.attributes.items()) == [("\ufffd\ufffd\ufffdz", "\ufffd\ufffd\ufffdz")]
        assert second.name == "good"

    def test_F29_deep_nesting_ends_in_a_marker(self) -> None:
        got = _decode_raw(span().SerializeToString() + write_field(b"\x4a", b"\x0a\x01k" + _nested_arrays(65)))
        value: Any = got.attributes["k"]
        depth = 0
        while isinstance(value, list):
            value, depth = value[0], depth + 1
        assert (value, depth) == (DEPTH_MARKER, 64)

    def test_F29_nesting_of_a_hundred_thousand_levels_is_harmless(self) -> None:
        got = _decode_raw(span().SerializeToString() + write_field(b"\x4a", b"\x0a\x01k" + _nested_arrays(100_000)))
        value: Any = got.attributes["k"]
        while isinstance(value, list):
            value = value[0]
        assert value == DEPTH_MARKER

    def test_F42_attributes_beyond_ten_thousand_are_counted_and_kept_in_the_raw_bytes(self) -> None:
        sent = span(attributes=pairs({f"key-{index}": index for index in range(10_050)}))
        got = one(traces(sent))
        assert len(got.attributes) == 10_000
        assert got.attribute_count == 10_050
        assert got.raw == sent.SerializeToString()

    def test_F45_unknown_fields_are_skipped(self) -> None:
        extra = (
            b"\xc0\x3e\x05" + b"\xc9\x3e" + bytes(8) + b"\xcd\x3e" + bytes(4) + b"\xca\x3e\x02hi" + b"\xcb\x3e\xcc\x3e"
        )
        raw = extra + span(attributes=pairs({"a": 1})).SerializeToString() + extra
        got = _decode_raw(raw)
        assert (got.trace_id, got.name, got.attributes) == (TRACE_ID, "chat", {"a": 1})
        assert got.raw == raw

    def test_F45_fields_in_another_order_and_of_another_type(self) -> None:
        raw = (
            b"\x30\x03\x38\x05"
            + write_field(b"\x12", SPAN_ID)
            + write_field(b"\x4a", write_field(b"\x12", write_field(b"\x0a", b"v")) + write_field(b"\x0a", b"k"))
            + write_field(b"\x0a", TRACE_ID)
        )
        got = _decode_raw(raw)
        assert (got.trace_id, got.span_id) == (TRACE_ID, int.from_bytes(SPAN_ID, "big"))
        assert (got.otel_kind, got.start_ns, got.attributes) == (3, 0, {"k": "v"})

    def test_F45_a_malformed_attribute_is_left_out_and_counted(self) -> None:
        raw = span(attributes=pairs({"good": 1})).SerializeToString() + write_field(b"\x4a", b"\x0a\x50short")
        got = _decode_raw(raw)
        assert got.attributes == {"good": 1}
        assert (got.attribute_count, got.dropped_attributes_count) == (2, 1)
        assert got.trace_id == TRACE_ID

    def test_F45_a_span_that_is_cut_off_keeps_what_can_be_read(self) -> None:
        got = _decode_raw(span(attributes=pairs({"good": 1})).SerializeToString() + b"\x4a\x7f\x0a")
        assert (got.trace_id, got.attributes) == (TRACE_ID, {"good": 1})

    @pytest.mark.parametrize("body", [b"\x0a\xff", b"\x00", b"\x0b", b"\x0a\x02\x12\x05", b"\xff" * 12, b"\x07"])
    def test_F45_a_broken_envelope_is_refused(self, body: bytes) -> None:
        with pytest.raises(OtlpDecodeError):
            list(decode_traces(body))

    def test_an_empty_body_is_an_empty_request(self) -> None:
        assert list(decode_traces(b"")) == []

    def test_invalid_ids_are_passed_on_for_the_check(self) -> None:
        got = one(traces(span(trace_id=b"short", span_id=b"too long an id")))
        assert (got.trace_id, got.span_id) == (b"short", 0)


class TestLogs:
    def test_every_field_of_a_record_is_read(self) -> None:
        record = log(
            body=any_value({"content": [{"text": "hi"}], "image": b"\x89PNG"}),
            attributes=pairs({"gen_ai.system": "openai"}),
            severity_number=9,
            severity_text="INFO",
            event_name="gen_ai.user.message",
        )
        (got,) = decode_logs(logs(record).SerializeToString())
        assert (got.trace_id, got.span_id) == (TRACE_ID, int.from_bytes(SPAN_ID, "big"))
        assert (got.time_ns, got.event_name) == (NOW_NS, "gen_ai.user.message")
        assert got.body == {"content": [{"text": "hi"}], "image": b"\x89PNG"}
        assert got.attributes == {"gen_ai.system": "openai"}
        assert (got.severity_number, got.severity_text) == (9, "INFO")
        assert got.raw == record.SerializeToString()

    def test_the_observed_time_counts_when_there_is_no_other(self) -> None:
        (got,) = decode_logs(logs(log(time_unix_nano=0, observed_time_unix_nano=5)).SerializeToString())
        assert got.time_ns == 5

    def test_json_reads_as_protobuf_does(self) -> None:
        request = logs(log(body=any_value(["a", {"b": 1}]), attributes=pairs({"x": 1.5}), severity_number=17))
        from_protobuf = list(decode_logs(request.SerializeToString()))
        assert list(decode_logs(MessageToJson(request).encode(), json=True)) == from_protobuf


class TestJson:
    def read(self, **fields: object) -> SourceSpan:
        body = {"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]}
        (decoded,) = decode_traces(json.dumps(body).encode(), json=True)
        return decoded

    @pytest.mark.parametrize("snake_case", [False, True])
    def test_F45_general_protobuf_libraries_are_understood(self, snake_case: bool) -> None:
        sent = span(
            parent_span_id=SPAN_ID,
            attributes=pairs({"a": [1, {"b": "c"}], "n": 2**62, "d": 1.5, "raw": b"\x00\x01", "none": None}),
            status=Status(code=Status.STATUS_CODE_ERROR, message="bad"),
        )
        sent.events.add(time_unix_nano=NOW_NS, name="event", attributes=pairs({"x": False}))
        sent.links.add(trace_id=TRACE_ID, span_id=SPAN_ID)
        request = traces(sent)
        text = MessageToJson(request, preserving_proto_field_name=snake_case)
        assert list(decode_traces(text.encode(), json=True)) == list(decode_traces(request.SerializeToString()))

    @pytest.mark.parametrize(
        "trace_id", [TRACE_ID.hex(), TRACE_ID.hex().upper(), "AQIDBAUGBwgJCgsMDQ4PEA==", "AQIDBAUGBwgJCgsMDQ4PEA"]
    )
    def test_F45_forms_of_a_trace_id(self, trace_id: str) -> None:
        assert self.read(traceId=trace_id).trace_id == TRACE_ID

    @pytest.mark.parametrize("trace_id", ["", "zz" * 16, "ab " * 10 + "ab", TRACE_ID.hex()[:30], 5, None, [], "é" * 32])
    def test_F45_what_is_no_trace_id(self, trace_id: object) -> None:
        assert self.read(traceId=trace_id).trace_id == b""

    @pytest.mark.parametrize("time_ns", [NOW_NS, str(NOW_NS)], ids=["number", "text"])
    def test_F45_numbers_as_number_and_text(self, time_ns: object) -> None:
        value = {"key": "n", "value": {"intValue": time_ns}}
        got = self.read(startTimeUnixNano=time_ns, attributes=[value])
        assert (got.start_ns, got.attributes) == (NOW_NS, {"n": NOW_NS})

    @pytest.mark.parametrize(
        ("kind", "expected"), [(3, 3), ("3", 3), ("SPAN_KIND_CLIENT", 3), ("CLIENT", 3), ("x", 0), (-1, 0), (None, 0)]
    )
    def test_F45_enumerations_by_number_and_name(self, kind: object, expected: int) -> None:
        assert self.read(kind=kind).otel_kind == expected

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ({"doubleValue": "-Infinity"}, -math.inf),
            ({"doubleValue": None}, None),
            ({"intValue": 2**70}, str(2**70)),
            ({"intValue": 1.0}, 1),
            ({"boolValue": "true"}, True),
            ({"bytesValue": "AAE="}, b"\x00\x01"),
            ({"arrayValue": {}}, []),
            ({"kvlistValue": {"values": [{"key": "a", "value": {}}]}}, {"a": None}),
            ({}, None),
            ("bare", "bare"),
            (7, 7),
        ],
    )
    def test_forms_of_a_value(self, value: object, expected: object) -> None:
        assert self.read(attributes=[{"key": "k", "value": value}]).attributes == {"k": expected}

    def test_F30_byte_order_mark_nan_and_lone_surrogates_are_read(self) -> None:
        body = (
            b'\xef\xbb\xbf{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"cut \\ud83d","attributes":'
            b'[{"key":"n","value":{"doubleValue":NaN}},{"key":"\xff","value":{"stringValue":"\\u0000"}}]}]}]}]}'
        )
        (got,) = decode_traces(body, json=True)
        assert got.name == "cut \ufffd"
        assert str(got.attributes["n"]) == "nan"
        assert got.attributes["\ufffd"] == "\x00"

    @pytest.mark.parametrize("levels", [1_000, 100_000])
    def test_F29_deep_nesting_is_cut_or_refused(self, levels: int) -> None:
        head = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n","attributes":[{"key":"k","value":'
        body = head + b'{"arrayValue":{"values":[' * levels + b"]}}" * levels + b"}]}]}]}]}"
        try:
            assert len(list(decode_traces(body, json=True))) == 1
        except OtlpDecodeError:
            assert levels > 300

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"null", b'{"resourceSpans":5}', b'{"resourceSpans":[{"scopeSpans":"x"}]}', b'{"a":']
    )
    def test_what_is_not_a_request_is_refused(self, body: bytes) -> None:
        with pytest.raises(OtlpDecodeError):
            list(decode_traces(body, json=True))

    def test_items_that_are_no_objects_are_left_for_the_check(self) -> None:
        body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[null,5,"x",[]]}]}]}'
        assert [got.trace_id for got in decode_traces(body, json=True)] == [b""] * 4


@given(st.binary(max_size=200))
def test_F45_any_bytes_as_a_span_give_one_span(raw: bytes) -> None:
    assert _decode_raw(raw).raw == raw


@given(st.binary(max_size=200))
def test_F45_any_bytes_as_an_attribute_cost_no_more_than_it(raw: bytes) -> None:
    got = _decode_raw(span().SerializeToString() + write_field(b"\x4a", raw))
    assert got.trace_id == TRACE_ID
    assert got.attribute_count == 1


_names = st.sampled_from(
    [
        "resourceSpans",
        "scopeSpans",
        "spans",
        "resource",
        "scope",
        "attributes",
        "key",
        "value",
        "traceId",
        "spanId",
        "events",
        "links",
        "status",
        "kind",
        "intValue",
        "arrayValue",
        "kvlistValue",
        "values",
        "startTimeUnixNano",
    ]
)
_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(_names, inner),
    max_leaves=20,
)


@given(_json_values)
def test_F45_any_json_is_read_or_refused(value: object) -> None:
    try:
        list(decode_traces(json.dumps(value).encode(), json=True))
    except OtlpDecodeError:
        return


def _decode_raw(raw: bytes) -> SourceSpan:
    (got,) = decode_traces(write_field(b"\x0a", write_field(b"\x12", write_field(b"\x12", raw))))
    return got


def _nested_arrays(levels: int) -> bytes:
    """Return the value field of an attribute, an array inside an array and so on."""
    heads, size = [], 0
    for _ in range(levels):
        head = b"\x0a" + write_varint(size)
        head = b"\x2a" + write_varint(size + len(head)) + head
        size += len(head)
        heads.append(head)
    return b"\x12" + write_varint(size) + b"".join(reversed(heads))
