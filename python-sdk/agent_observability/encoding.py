"""From finished spans and records to the bodies of requests."""

import gzip
import json
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import Event, ReadableSpan

from agent_observability.batches import REPORTS_PATH, TRACES_PATH, Content
from agent_observability.guard import guard
from agent_observability.queueing import Record
from agent_observability.redaction import Redactor

MAX_BODY = 4 * 1024 * 1024
# The platform takes no body above 20 MiB.
MAX_SPAN = 16 * 1024 * 1024
_GZIP_LEVEL = 3
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"


def clean_span(span: ReadableSpan, redactor: Redactor) -> ReadableSpan:
    """Return a span whose attributes, events and status may be sent."""
    attributes = redactor.clean_attributes(span.attributes)
    events: list[Event] | None = None
    for number, event in enumerate(span.events):
        changed = redactor.clean_attributes(event.attributes)
        if changed is not None:
            events = list(span.events) if events is None else events
            events[number] = Event(event.name, changed, event.timestamp)
    status = span.status
    if status.description:
        description = redactor.clean_text("status.description", status.description)
        if description != status.description:
            status = type(status)(status.status_code, description)
    name = redactor.clean_text("name", span.name)
    if attributes is None and events is None and status is span.status and name == span.name:
        return span
    return ReadableSpan(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes if attributes is None else attributes,
        events=span.events if events is None else events,
        links=span.links,
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
    )


def encode_traces(spans: Sequence[ReadableSpan]) -> list[Content]:
    """Return the bodies of as many requests as spans need, each of at most ``MAX_BODY`` bytes before it is compressed.

    A span that cannot be encoded, or is too large by itself, is missing in them.
    """
    try:
        body = encode_spans(spans).SerializeToString()
    except Exception as error:
        if len(spans) == 1:
            guard.failed(error)
            return []
        body = None
    if body is not None and (len(body) <= MAX_BODY or (len(spans) == 1 and len(body) <= MAX_SPAN)):
        return [_traces(body, len(spans))]
    if len(spans) == 1:
        return []
    middle = len(spans) // 2
    return [*encode_traces(spans[:middle]), *encode_traces(spans[middle:])]


def _traces(body: bytes, items: int) -> Content:
    return Content(TRACES_PATH, gzip.compress(body, _GZIP_LEVEL, mtime=0), _PROTOBUF, items, "gzip")


def halve(content: Content) -> tuple[Content, Content] | None:
    """Return two bodies with half of the spans each, None for what has only one; the first keeps the account."""
    if content.path != TRACES_PATH or content.items < 2:
        return None
    request = ExportTraceServiceRequest.FromString(gzip.decompress(content.body))
    halves = (ExportTraceServiceRequest(), ExportTraceServiceRequest())
    seen = 0
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                half = halves[0 if seen < content.items // 2 else 1]
                seen += 1
                group = half.resource_spans.add(resource=resource.resource, schema_url=resource.schema_url)
                group.scope_spans.add(scope=scope.scope, schema_url=scope.schema_url).spans.append(span)
    first = _traces(halves[0].SerializeToString(), content.items // 2)
    second = _traces(halves[1].SerializeToString(), content.items - content.items // 2)
    first.account = content.account
    if content.account is not None:
        second.account = {"created": 0, "sampled": 0, "dropped": {}}
    return first, second


def encode_record(record: Record, redactor: Redactor) -> Content:
    """Return the body of a score, feedback or outcome."""
    content = {
        name: redactor.clean_text(name, value) if name == "comment" and isinstance(value, str) else value
        for name, value in record.content.items()
    }
    return Content(record.path, json.dumps(content, separators=(",", ":")).encode(), _JSON, 1)


def encode_report(created: int, delivered: int, sampled: int, dropped: dict[str, int]) -> bytes:
    """Return the body of a client report."""
    report = {"created": created, "delivered": delivered, "sampled": sampled, "dropped": dropped}
    return json.dumps(report, separators=(",", ":")).encode()


def report_content(created: int, sampled: int, dropped: dict[str, int]) -> Content:
    """Return a client report that no batch carries."""
    return Content(REPORTS_PATH, encode_report(created, 0, sampled, dropped), _JSON, 0)
