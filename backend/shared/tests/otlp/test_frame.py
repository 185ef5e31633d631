import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.frame import frame_logs, frame_spans
from shared.tests.otlp.messages import any_value, log, logs, pairs, span, traces

_CAPTURES = Path(__file__).parents[3] / "tests" / "data" / "captures"


def test_frames_read_back_the_same() -> None:
    request = traces(span(attributes=pairs({"a": 1})), span(span_id=b"another!"))
    request.resource_spans[0].schema_url = "https://example.test/resource"
    request.resource_spans[0].scope_spans[0].schema_url = "https://example.test/scope"
    request.resource_spans.add().scope_spans.add().spans.append(span(span_id=b"bare-one"))
    spans = list(decode_traces(request.SerializeToString()))
    frame = frame_spans(spans)
    assert list(decode_traces(frame)) == spans
    assert ExportTraceServiceRequest.FromString(frame) == request


def test_scopes_are_written_once() -> None:
    request = traces(*[span(span_id=index.to_bytes(8, "big")) for index in range(1, 4)])
    first, second, third = decode_traces(request.SerializeToString())
    assert frame_spans([first, third]).count(b"service.name") == 1
    assert [got.span_id for got in decode_traces(frame_spans([third, first]))] == [3, 1]
    assert second.span_id == 2


def test_logs_read_back_the_same() -> None:
    records = list(decode_logs(logs(log(body=any_value("x")), log(event_name="e")).SerializeToString()))
    assert list(decode_logs(frame_logs(records))) == records


@pytest.mark.parametrize("path", sorted(_CAPTURES.glob("*.bin")), ids=lambda path: path.stem)
def test_captures_read_back_the_same(path: Path) -> None:
    headers = json.loads(path.with_name(f"{path.stem}.headers.json").read_text())
    names = {name.lower(): value for name, value in headers["headers"]}
    if headers.get("signal") != "traces" or "content-encoding" in names:
        return
    spans = list(decode_traces(path.read_bytes(), json="json" in names.get("content-type", "")))
    assert spans
    back = list(decode_traces(frame_spans(spans)))
    assert sorted(map(repr, back)) == sorted(map(repr, spans))
