"""Spans and log records as they came in, before any dialect is interpreted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Attributes = Mapping[str, object]


@dataclass(slots=True)
class SourceEvent:
    """A span event; ``time_ns`` counts nanoseconds since the Unix epoch, 0 when it was not sent."""

    name: str
    time_ns: int
    attributes: Attributes


@dataclass(slots=True)
class SourceLink:
    """A link to another span, ids in bytes as sent."""

    trace_id: bytes
    span_id: bytes
    attributes: Attributes


@dataclass(slots=True)
class SourceScope:
    """Resource and instrumentation scope, one object shared by all spans sent under them."""

    resource: Attributes
    name: str
    version: str
    resource_raw: bytes = b""
    scope_raw: bytes = b""
    attributes: Attributes = field(default_factory=dict)


@dataclass(slots=True)
class SourceSpan:
    """A span as sent.

    Times are nanoseconds since the Unix epoch; ``end_ns`` is None while the span is open.
    ``status_code`` is OpenTelemetry's (0 unset, 1 ok, 2 error), ``otel_kind`` its SpanKind.
    ``raw`` holds the bytes of the span message that belong in the payload.
    """

    trace_id: bytes
    span_id: int
    parent_span_id: int | None
    name: str
    start_ns: int
    end_ns: int | None
    status_code: int
    status_message: str
    attributes: Attributes
    scope: SourceScope
    events: Sequence[SourceEvent] = ()
    links: Sequence[SourceLink] = ()
    otel_kind: int = 0
    attribute_count: int = 0
    dropped_attributes_count: int = 0
    external_trace_id: str | None = None
    raw: bytes = b""


@dataclass(slots=True)
class SourceLog:
    """A log record as sent; ``body`` is a plain Python value (text, number, list, dict or None)."""

    trace_id: bytes
    span_id: int | None
    time_ns: int
    event_name: str
    body: object
    attributes: Attributes
    scope: SourceScope
    severity_number: int = 0
    severity_text: str = ""
    raw: bytes = b""
