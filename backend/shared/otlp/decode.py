"""From OTLP requests to the spans and log records inside, with nothing left out."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from shared.otlp.envelope import OtlpDecodeError, read_groups
from shared.otlp.source import SourceEvent, SourceLink, SourceLog, SourceScope, SourceSpan
from shared.otlp.transcode import transcode_logs, transcode_traces
from shared.otlp.wire import (
    CACHED_BYTES,
    MALFORMED,
    WireError,
    decode_pair,
    decode_text,
    decode_value,
    fields,
    known_pair,
    read_fixed64,
    read_varint,
    readable_fields,
)

# Attributes and events of one span beyond these are counted as dropped; their bytes stay in the payload.
MAX_ATTRIBUTES = 10_000
MAX_EVENTS = 10_000


def decode_traces(body: bytes, *, json: bool = False) -> Iterator[SourceSpan]:
    """Yield every span of an ExportTraceServiceRequest, which TracesData is equal to on the wire.

    A span whose ids are not valid is yielded with what was sent as trace id and 0 as span id; ``check_span`` finds
    it. Attributes, events and links that are malformed are left out and counted in ``dropped_attributes_count``.

    Args:
        body: The request, not compressed.
        json: Whether the request is OTLP/JSON; ``raw`` is the Protobuf encoding all the same.

    Raises:
        OtlpDecodeError: The request cannot be read.
    """
    for raw, scope in _cut(_transcoded(body, transcode_traces) if json else body):
        yield decode_span(raw, scope)


def decode_logs(body: bytes, *, json: bool = False) -> Iterator[SourceLog]:
    """Yield every log record of an ExportLogsServiceRequest, which LogsData is equal to on the wire.

    Args:
        body: The request, not compressed.
        json: Whether the request is OTLP/JSON; ``raw`` is the Protobuf encoding all the same.

    Raises:
        OtlpDecodeError: The request cannot be read.
    """
    for raw, scope in _cut(_transcoded(body, transcode_logs) if json else body):
        yield decode_log(raw, scope)


def _transcoded(body: bytes, transcode: Callable[[bytes], bytes]) -> bytes:
    try:
        return transcode(body)
    except ValueError as error:
        raise OtlpDecodeError(f"The body is not OTLP/JSON: {error}.") from error


def _cut(body: bytes) -> Iterator[tuple[bytes, SourceScope]]:
    resource: bytes | None = None
    attributes: dict[str, object] = {}
    for group in read_groups(body):
        # Groups of one resource share the object.
        if group.resource is not resource:
            resource, attributes = group.resource, _decode_resource(group.resource)
        scope = _decode_scope(group.scope, attributes)
        scope.resource_raw, scope.scope_raw = group.resource_raw, group.scope_raw
        bounds = iter(group.bounds)
        for start, stop in zip(bounds, bounds, strict=True):
            yield body[start:stop], scope


def _decode_resource(raw: bytes) -> dict[str, object]:
    attributes: dict[str, object] = {}
    try:
        for tag, start, stop, _ in fields(raw, 0, len(raw)):
            if tag == 0x0A:
                key, value = decode_pair(raw, start, stop)
                attributes[key] = value
    except MALFORMED:
        # What was read so far counts; spans are worth keeping without their resource.
        return attributes
    return attributes


def _decode_scope(raw: bytes, resource: dict[str, object]) -> SourceScope:
    scope = SourceScope(resource, "", "")
    attributes: dict[str, object] = {}
    try:
        for tag, start, stop, _ in fields(raw, 0, len(raw)):
            if tag == 0x0A:
                scope.name = decode_text(raw[start:stop])
            elif tag == 0x12:
                scope.version = decode_text(raw[start:stop])
            elif tag == 0x1A:
                key, value = decode_pair(raw, start, stop)
                attributes[key] = value
    except MALFORMED:
        return scope
    scope.attributes = attributes
    return scope


def decode_span(raw: bytes, scope: SourceScope) -> SourceSpan:
    """Return the span in a Span message, as far as the message can be read.

    Of repeated ids and times the first counts, as it does for ``read_span_ids``.
    """
    try:
        return _decode_span(raw, scope)
    except MALFORMED:
        # Written apart: looking out for a bad attribute would slow down every good span.
        return _decode_damaged_span(raw, scope)


def _decode_span(raw: bytes, scope: SourceScope) -> SourceSpan:
    size = len(raw)
    position = attribute_count = dropped = start_ns = end_ns = span_id = status_code = kind = 0
    trace_id = b""
    name = status_message = ""
    parent: int | None = None
    attributes: dict[str, object] = {}
    events: list[SourceEvent] | tuple[()] = ()
    links: list[SourceLink] | tuple[()] = ()
    if raw[:2] == b"\x0a\x10" and raw[18:20] == b"\x12\x08":
        # How every encoder begins a span; anything else is left to the loop.
        trace_id = raw[2:18]
        span_id = int.from_bytes(raw[20:28], "big", signed=True)
        position = 28
    while position < size:
        tag = raw[position]
        if tag == 0x4A:
            length = raw[position + 1]
            position += 2
            if length >= 0x80:
                byte = raw[position]
                if byte < 0x80:
                    length += (byte - 1) << 7
                    position += 1
                else:
                    length, position = read_varint(raw, position - 1)
            stop = position + length
            pair = known_pair(raw[position:stop]) if length <= CACHED_BYTES else None
            if pair is None:
                pair = decode_pair(raw, position, stop)
            attribute_count += 1
            if attribute_count <= MAX_ATTRIBUTES:
                attributes[pair[0]] = pair[1]
            position = stop
            continue
        if tag >= 0x80:
            tag, position = read_varint(raw, position)
        else:
            position += 1
        if tag < 8:
            raise WireError("field number 0")
        wire_type = tag & 7
        if wire_type == 2:
            length = raw[position]
            position += 1
            if length >= 0x80:
                length, position = read_varint(raw, position - 1)
            stop = position + length
            if tag == 0x0A:
                trace_id = trace_id or raw[position:stop]
            elif tag == 0x12:
                span_id = span_id or _span_id(raw[position:stop])
            elif tag == 0x22:
                parent = _span_id(raw[position:stop]) or None
            elif tag == 0x2A:
                name = decode_text(raw[position:stop])
            elif tag == 0x7A:
                status_code, status_message = _decode_status(raw, position, stop)
            elif tag == 0x5A:
                events = events or []
                _append_event(events, raw, position, stop)
            elif tag == 0x6A:
                links = links or []
                _append_link(links, raw, position, stop)
            position = stop
        elif wire_type == 1:
            if tag == 0x39:
                start_ns = start_ns or read_fixed64(raw, position)[0]
            elif tag == 0x41:
                end_ns = end_ns or read_fixed64(raw, position)[0]
            position += 8
        elif wire_type == 0:
            number, position = read_varint(raw, position)
            if tag == 0x30:
                kind = number & 0xFF
            elif tag == 0x50:
                dropped = number & 0xFFFFFFFF
        elif wire_type == 5:
            position += 4
        else:
            raise WireError("a group or an unknown wire type")
    if position != size:
        raise WireError("span is cut off")
    return SourceSpan(
        trace_id,
        span_id,
        parent,
        name,
        start_ns,
        end_ns or None,
        status_code,
        status_message,
        attributes,
        scope,
        events,
        links,
        kind,
        attribute_count,
        dropped,
        None,
        raw,
    )


def _decode_damaged_span(raw: bytes, scope: SourceScope) -> SourceSpan:
    """Return a span without those of its attributes, events and links that cannot be read."""
    attributes: dict[str, object] = {}
    events: list[SourceEvent] = []
    links: list[SourceLink] = []
    trace_id, span_id, start_ns, end_ns = read_span_ids(raw)
    span = SourceSpan(
        trace_id, span_id, None, "", start_ns, end_ns or None, 0, "", attributes, scope, events, links, raw=raw
    )
    lost = 0
    for tag, start, stop, number in readable_fields(raw):
        try:
            if tag == 0x22:
                span.parent_span_id = _span_id(raw[start:stop]) or None
            elif tag == 0x2A:
                span.name = decode_text(raw[start:stop])
            elif tag == 0x30:
                span.otel_kind = number & 0xFF
            elif tag == 0x4A:
                span.attribute_count += 1
                key, value = decode_pair(raw, start, stop)
                if span.attribute_count <= MAX_ATTRIBUTES:
                    attributes[key] = value
            elif tag == 0x50:
                span.dropped_attributes_count = number & 0xFFFFFFFF
            elif tag == 0x5A:
                _append_event(events, raw, start, stop)
            elif tag == 0x6A:
                _append_link(links, raw, start, stop)
            elif tag == 0x7A:
                span.status_code, span.status_message = _decode_status(raw, start, stop)
        except MALFORMED:
            lost += 1
    span.dropped_attributes_count += lost
    return span


def read_span_ids(raw: bytes) -> tuple[bytes, int, int, int]:
    """Return trace id, key, start and end of a Span message, as far as it can be read."""
    trace_id, span_id, start_ns, end_ns = b"", 0, 0, 0
    for tag, start, stop, _ in readable_fields(raw):
        if tag == 0x0A:
            trace_id = trace_id or raw[start:stop]
        elif tag == 0x12:
            span_id = span_id or _span_id(raw[start:stop])
        elif tag == 0x39:
            start_ns = start_ns or read_fixed64(raw, start)[0]
        elif tag == 0x41:
            end_ns = end_ns or read_fixed64(raw, start)[0]
    return trace_id, span_id, start_ns, end_ns


def read_log_ids(raw: bytes) -> tuple[bytes, int]:
    """Return trace id and time of a LogRecord message, as far as it can be read."""
    trace_id, time_ns, observed_ns = b"", 0, 0
    for tag, start, stop, _ in readable_fields(raw):
        if tag == 0x4A:
            trace_id = raw[start:stop]
        elif tag == 0x09:
            time_ns = read_fixed64(raw, start)[0]
        elif tag == 0x59:
            observed_ns = read_fixed64(raw, start)[0]
    return trace_id, time_ns or observed_ns


def _span_id(raw: bytes) -> int:
    return int.from_bytes(raw, "big", signed=True) if len(raw) == 8 else 0


def _decode_status(raw: bytes, position: int, stop: int) -> tuple[int, str]:
    code, message = 0, ""
    for tag, start, end, number in fields(raw, position, stop):
        if tag == 0x18:
            code = number if number <= 2 else 0
        elif tag == 0x12:
            message = decode_text(raw[start:end])
    return code, message


def _append_event(events: list[SourceEvent], raw: bytes, position: int, stop: int) -> None:
    if len(events) >= MAX_EVENTS:
        return
    attributes: dict[str, object] = {}
    event = SourceEvent("", 0, attributes)
    for tag, start, end, _ in fields(raw, position, stop):
        if tag == 0x09:
            event.time_ns = read_fixed64(raw, start)[0]
        elif tag == 0x12:
            event.name = decode_text(raw[start:end])
        elif tag == 0x1A and len(attributes) < MAX_ATTRIBUTES:
            key, value = decode_pair(raw, start, end)
            attributes[key] = value
    events.append(event)


def _append_link(links: list[SourceLink], raw: bytes, position: int, stop: int) -> None:
    if len(links) >= MAX_EVENTS:
        return
    attributes: dict[str, object] = {}
    link = SourceLink(b"", b"", attributes)
    for tag, start, end, _ in fields(raw, position, stop):
        if tag == 0x0A:
            link.trace_id = raw[start:end]
        elif tag == 0x12:
            link.span_id = raw[start:end]
        elif tag == 0x22 and len(attributes) < MAX_ATTRIBUTES:
            key, value = decode_pair(raw, start, end)
            attributes[key] = value
    links.append(link)


def decode_log(raw: bytes, scope: SourceScope) -> SourceLog:
    """Return the log record in a LogRecord message, as far as the message can be read."""
    attributes: dict[str, object] = {}
    trace_id, time_ns = read_log_ids(raw)
    log = SourceLog(trace_id, None, time_ns, "", None, attributes, scope, raw=raw)
    for tag, start, stop, number in readable_fields(raw):
        if tag == 0x10:
            log.severity_number = number & 0xFF
        elif tag == 0x1A:
            log.severity_text = decode_text(raw[start:stop])
        elif tag == 0x2A:
            with suppress(*MALFORMED):
                log.body = decode_value(raw, start, stop)
        elif tag == 0x32 and len(attributes) < MAX_ATTRIBUTES:
            with suppress(*MALFORMED):
                key, value = decode_pair(raw, start, stop)
                attributes[key] = value
        elif tag == 0x52:
            log.span_id = _span_id(raw[start:stop]) or None
        elif tag == 0x62:
            log.event_name = decode_text(raw[start:stop])
    return log
