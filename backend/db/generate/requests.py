"""Traffic as the requests that clients would send, and as lines of a file."""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import cast

import orjson
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as otlp

from db.generate.story import Span, Trace, Value
from db.generate.traffic import Annotation

OTLP_PATH = "/v1/traces"
FLAT_PATH = "/api/v1/traces/batch"
PROTOBUF = "application/x-protobuf"
JSON = "application/json"

_SPANS_PER_REQUEST = 400
_FLAT_PER_REQUEST = 100
_ID_FIELDS = ("traceId", "spanId", "parentSpanId")


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the gateway; ``traces`` counts those that are complete with it."""

    path: str
    content_type: str
    body: bytes
    traces: int
    idempotency_key: str | None = None


def build_requests(traffic: Iterable[tuple[Trace, list[Annotation]]]) -> Iterator[Request]:
    """Yield requests of a few hundred spans, and last what is said about the traces."""
    instrumented: list[Trace] = []
    flat: list[Trace] = []
    annotations: list[Annotation] = []
    spans = 0
    for trace, said in traffic:
        annotations += said
        if trace.flat is not None:
            flat.append(trace)
        else:
            instrumented.append(trace)
            spans += len(trace.spans)
        if spans >= _SPANS_PER_REQUEST:
            yield _otlp_request(instrumented)
            instrumented, spans = [], 0
        if len(flat) >= _FLAT_PER_REQUEST:
            yield _flat_request(flat)
            flat = []
    if instrumented:
        yield _otlp_request(instrumented)
    if flat:
        yield _flat_request(flat)
    for annotation in annotations:
        body = orjson.dumps(annotation.body)
        key = blake2b(annotation.path.encode() + body, digest_size=16).hexdigest()
        yield Request(annotation.path, JSON, body, 0, key)


def to_line(request: Request) -> bytes:
    """Return a request as a line of JSON: path, content type and body, an OTLP body in its JSON encoding."""
    content: object
    if request.content_type == PROTOBUF:
        content = _hexadecimal_ids(MessageToDict(ExportTraceServiceRequest.FromString(request.body)))
    else:
        content = orjson.loads(request.body)
    return orjson.dumps({"path": request.path, "content_type": JSON, "body": content}) + b"\n"


def _hexadecimal_ids(message: dict[str, object]) -> dict[str, object]:
    # OTLP/JSON spells ids in hexadecimal, where Protobuf's own JSON mapping has base64.
    for resource in cast("list[dict[str, list[dict[str, list[dict[str, str]]]]]]", message["resourceSpans"]):
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in _ID_FIELDS:
                    if name in span:
                        span[name] = b64decode(span[name]).hex()
    return message


def _flat_request(traces: list[Trace]) -> Request:
    items = [
        {**(trace.flat or {}), "timestamp": datetime.fromtimestamp(trace.start_ns / 1e9, UTC).isoformat()}
        for trace in traces
    ]
    return Request(FLAT_PATH, JSON, orjson.dumps({"traces": items}), len(traces))


def _otlp_request(traces: list[Trace]) -> Request:
    by_resource: dict[tuple[str, str, str], list[Trace]] = {}
    for trace in traces:
        by_resource.setdefault((trace.service, trace.environment, trace.release), []).append(trace)
    request = ExportTraceServiceRequest(
        resource_spans=[_resource_spans(resource, group) for resource, group in by_resource.items()]
    )
    return Request(OTLP_PATH, PROTOBUF, request.SerializeToString(), len(traces))


def _resource_spans(resource: tuple[str, str, str], traces: list[Trace]) -> otlp.ResourceSpans:
    service, environment, release = resource
    attributes: dict[str, Value] = {
        "service.name": service,
        "service.version": release,
        "deployment.environment.name": environment,
        "telemetry.sdk.language": "python",
        "telemetry.synthetic": True,
    }
    spans = [_span(bytes.fromhex(trace.trace_id), span) for trace in traces for span in trace.spans]
    scope = InstrumentationScope(name="example.agents", version="1.0.0")
    return otlp.ResourceSpans(
        resource=Resource(attributes=_key_values(attributes)),
        scope_spans=[otlp.ScopeSpans(scope=scope, spans=spans)],
    )


def _span(trace_id: bytes, span: Span) -> otlp.Span:
    attributes, events = span.attributes, []
    status = otlp.Status(code=otlp.Status.STATUS_CODE_UNSET)
    if span.failure is not None:
        kind, message = span.failure.kind, span.failure.message
        attributes = {**attributes, "error.type": kind}
        status = otlp.Status(code=otlp.Status.STATUS_CODE_ERROR, message=message)
        exception = _key_values({"exception.type": kind, "exception.message": message})
        events = [otlp.Span.Event(name="exception", time_unix_nano=span.end_ns, attributes=exception)]
    calls_out = attributes.get("gen_ai.operation.name") in ("chat", "embeddings")
    return otlp.Span(
        trace_id=trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        kind=otlp.Span.SPAN_KIND_CLIENT if calls_out else otlp.Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_key_values(attributes),
        events=events,
        status=status,
    )


def _key_values(attributes: dict[str, Value]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any_value(value)) for key, value in attributes.items()]


def _any_value(value: Value) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(array_value=ArrayValue(values=[AnyValue(string_value=item) for item in value]))
