import json
from collections import Counter
from typing import Any

import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import example, given
from hypothesis import strategies as st

from shared.otlp.check import DAY_NS, FUTURE_NS, check_log, check_span
from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.envelope import MAX_ITEMS, OtlpDecodeError, TooManyItemsError
from shared.otlp.scan import WrongSignalError, scan_logs, scan_traces
from shared.otlp.wire import write_field
from shared.tests.otlp.messages import NOW_NS, RETENTION_DAYS, SPAN_ID, TRACE_ID, log, logs, span, traces


def refused(request: Any) -> dict[str, int]:
    body = request.SerializeToString()
    from_protobuf = scan_traces(body, NOW_NS, RETENTION_DAYS)
    from_json = scan_traces(MessageToJson(request).encode(), NOW_NS, RETENTION_DAYS, json=True)
    assert from_protobuf == from_json
    assert from_protobuf.received == sum(1 for _ in decode_traces(body))
    return from_protobuf.rejected


def test_good_spans_are_counted() -> None:
    result = scan_traces(traces(*[span()] * 3).SerializeToString(), NOW_NS, RETENTION_DAYS)
    assert (result.received, result.rejected, result.messages) == (3, {}, [])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "invalid_trace_id"),
        ({"trace_id": bytes(16)}, "invalid_trace_id"),
        ({"trace_id": b"short"}, "invalid_trace_id"),
        ({"span_id": b""}, "invalid_span_id"),
        ({"span_id": bytes(8)}, "invalid_span_id"),
        ({"start_time_unix_nano": 0}, "start_time_missing"),
        ({"start_time_unix_nano": 1}, "start_time_too_old"),
        ({"start_time_unix_nano": NOW_NS // 1000}, "start_time_too_old"),
        ({"start_time_unix_nano": NOW_NS - RETENTION_DAYS * DAY_NS - 1}, "start_time_too_old"),
        ({"start_time_unix_nano": NOW_NS + FUTURE_NS + 1}, "start_time_in_future"),
        ({"start_time_unix_nano": 2**63}, "start_time_in_future"),
        ({"start_time_unix_nano": 2**64 - 1}, "start_time_in_future"),
        ({"end_time_unix_nano": NOW_NS + FUTURE_NS + 1}, "end_time_in_future"),
    ],
)
def test_F38_spans_outside_the_rules_are_refused_one_by_one(fields: dict[str, Any], reason: str) -> None:
    assert refused(traces(span(), span(**fields), span())) == {reason: 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"end_time_unix_nano": 0},
        {"end_time_unix_nano": 1},
        {"start_time_unix_nano": NOW_NS - RETENTION_DAYS * DAY_NS},
        {"start_time_unix_nano": NOW_NS + FUTURE_NS, "end_time_unix_nano": NOW_NS + FUTURE_NS},
        {"name": "n" * 1_000_000},
        {"name": "", "kind": 0},
        {"parent_span_id": SPAN_ID, "trace_state": "a=b"},
    ],
)
def test_F38_odd_spans_within_the_rules_are_taken(fields: dict[str, Any]) -> None:
    assert refused(traces(span(**fields))) == {}


def test_the_answer_names_count_and_reason() -> None:
    result = scan_traces(traces(span(), span(span_id=b"")).SerializeToString(), NOW_NS, RETENTION_DAYS)
    assert result.rejected_count == 1
    assert result.messages == ["1 refused: the span id is not 8 bytes, or is all zeros (invalid_span_id)"]


@pytest.mark.parametrize("as_json", [False, True])
def test_F45_logs_at_the_address_of_traces_are_refused_with_a_hint(as_json: bool) -> None:
    request = logs(log(), log())
    body = MessageToJson(request).encode() if as_json else request.SerializeToString()
    with pytest.raises(WrongSignalError, match="/v1/logs"):
        scan_traces(body, NOW_NS, RETENTION_DAYS, json=as_json)


@pytest.mark.parametrize("as_json", [False, True])
def test_F45_traces_at_the_address_of_logs_are_refused_with_a_hint(as_json: bool) -> None:
    request = traces(span())
    body = MessageToJson(request).encode() if as_json else request.SerializeToString()
    with pytest.raises(WrongSignalError, match="/v1/traces"):
        scan_logs(body, NOW_NS, RETENTION_DAYS, json=as_json)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"trace_id": b""}, "invalid_trace_id"),
        ({"time_unix_nano": 0}, "time_missing"),
        ({"time_unix_nano": 5}, "time_too_old"),
        ({"time_unix_nano": 2**63}, "time_in_future"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_log_records_are_refused_one_by_one(fields: dict[str, Any], reason: str, as_json: bool) -> None:
    request = logs(log(), log(**fields), log(span_id=b""))
    body = MessageToJson(request).encode() if as_json else request.SerializeToString()
    result = scan_logs(body, NOW_NS, RETENTION_DAYS, json=as_json)
    assert (result.received, result.rejected) == (3, {reason: 1})


@pytest.mark.parametrize("body", [b"\x0a\xff", b"\x0a\x02\x12\x05", b"\x00", b"{"])
def test_F45_a_broken_envelope_is_refused(body: bytes) -> None:
    for scan in (scan_traces, scan_logs):
        for as_json in (False, True):
            with pytest.raises(OtlpDecodeError):
                scan(body, NOW_NS, RETENTION_DAYS, json=as_json)


@pytest.mark.parametrize(
    "body",
    [
        write_field(b"\x0a", write_field(b"\x12", b"\x12\x00" * (MAX_ITEMS + 1))),
        write_field(b"\x0a", b"\x12\x00" * (3 * MAX_ITEMS)),
        b"\x0a\x00" * (3 * MAX_ITEMS),
        write_field(b"\x0a", write_field(b"\x12", b"\x18\x00" * (3 * MAX_ITEMS))),
    ],
    ids=["items", "scopes", "resources", "unknown fields"],
)
def test_F27_requests_of_too_many_parts_are_refused_without_being_built(body: bytes) -> None:
    with pytest.raises(TooManyItemsError):
        scan_traces(body, NOW_NS, RETENTION_DAYS)


def test_F27_json_requests_of_too_many_spans_are_refused() -> None:
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{}] * (MAX_ITEMS + 1)}]}]})
    with pytest.raises(TooManyItemsError):
        scan_traces(body.encode(), NOW_NS, RETENTION_DAYS, json=True)


_damage = st.tuples(st.integers(0, 10_000), st.binary(min_size=1, max_size=4))
_good_bytes = traces(
    span(), span(parent_span_id=SPAN_ID, end_time_unix_nano=0), span(trace_id=TRACE_ID[::-1], name="")
).SerializeToString()


# A field with the number 0 before the start time.
@example(damages=[(1301, b"\x00")])
@given(st.lists(_damage, max_size=4))
def test_F45_ingestion_and_processing_agree_on_damaged_traces(damages: list[tuple[int, bytes]]) -> None:
    body = _damaged(_good_bytes, damages)
    try:
        result = scan_traces(body, NOW_NS, RETENTION_DAYS)
    except WrongSignalError:
        return
    except OtlpDecodeError:
        with pytest.raises(OtlpDecodeError):
            list(decode_traces(body))
        return
    reasons = [
        check_span(got.trace_id, got.span_id, got.start_ns, got.end_ns, NOW_NS, RETENTION_DAYS)
        for got in decode_traces(body)
    ]
    assert len(reasons) == result.received
    assert Counter(filter(None, reasons)) == result.rejected


@given(st.lists(_damage, max_size=4))
def test_F45_ingestion_and_processing_agree_on_damaged_logs(damages: list[tuple[int, bytes]]) -> None:
    body = _damaged(logs(log(), log(severity_text="INFO"), log(span_id=b"")).SerializeToString(), damages)
    try:
        result = scan_logs(body, NOW_NS, RETENTION_DAYS)
    except WrongSignalError:
        return
    except OtlpDecodeError:
        with pytest.raises(OtlpDecodeError):
            list(decode_logs(body))
        return
    reasons = [check_log(got.trace_id, got.time_ns, NOW_NS, RETENTION_DAYS) for got in decode_logs(body)]
    assert len(reasons) == result.received
    assert Counter(filter(None, reasons)) == result.rejected


def _damaged(body: bytes, damages: list[tuple[int, bytes]]) -> bytes:
    out = bytearray(body)
    for position, replacement in damages:
        at = position % len(out)
        out[at : at + len(replacement)] = replacement
    return bytes(out)
