"""From OTLP/JSON to the Protobuf encoding, so that everything behind it meets one format.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding; beyond it, names in snake_case, ids in base64 and
enumerations by name are understood, as general Protobuf libraries write them.
"""

import base64
import binascii
import math
from collections.abc import Callable
from typing import Any

from shared.otlp.json_text import clean_text, read_json
from shared.otlp.wire import DEPTH_MARKER, MAX_DEPTH, write_double, write_field, write_fixed64, write_varint

Json = dict[str, Any]
Names = tuple[str, str, str]

# Names of the three levels of a request.
TRACES: Names = ("resourceSpans", "scopeSpans", "spans")
LOGS: Names = ("resourceLogs", "scopeLogs", "logRecords")

_MAX_FIXED64 = (1 << 64) - 1
_KINDS = {"UNSPECIFIED": 0, "INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_STATUS_CODES = {"UNSET": 0, "OK": 1, "ERROR": 2}
_SEVERITIES = {
    f"{level}{step or ''}": 4 * index + max(step, 1)
    for index, level in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for step in (0, 2, 3, 4)
}


def transcode_traces(body: bytes) -> bytes:
    """Return an ExportTraceServiceRequest in Protobuf for one in JSON.

    Raises:
        ValueError: The body is not JSON, or not such a request.
    """
    return _transcode(body, TRACES, _write_span)


def transcode_logs(body: bytes) -> bytes:
    """Return an ExportLogsServiceRequest in Protobuf for one in JSON; see ``transcode_traces``."""
    return _transcode(body, LOGS, _write_log)


def read_request(body: bytes) -> Json:
    """Return the object in a body.

    Raises:
        ValueError: The body is not JSON, or not an object.
    """
    document = read_json(body)
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def read_list(message: Json, name: str) -> list[Json]:
    """Return a repeated message field; what is not an object in it becomes an empty one, which checks then refuse.

    Raises:
        ValueError: The field is not a list.
    """
    value = get(message, name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{name} is not a list")
    return [item if isinstance(item, dict) else {} for item in value]


def get(message: Json, name: str) -> Any:
    """Return a field by its camelCase name, or by the same name in snake_case."""
    value = message.get(name)
    return value if value is not None else message.get(_snake_case(name))


_snake_names: dict[str, str] = {}


def _snake_case(name: str) -> str:
    snake = _snake_names.get(name)
    if snake is None:
        snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
        _snake_names[name] = snake
    return snake


def read_id(value: Any, size: int) -> bytes:
    """Return an id given in hexadecimal or base64, empty when it is neither or has another size in bytes."""
    if not isinstance(value, str):
        return b""
    if len(value) == size * 2:
        try:
            decoded = bytes.fromhex(value)
        except ValueError:
            return b""
        # Spaces are skipped in hexadecimal, which leaves too few bytes.
        return decoded if len(decoded) == size else b""
    bare = value.rstrip("=")
    if len(bare) != -(-size * 4 // 3):
        return b""
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=None, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return decoded if len(decoded) == size else b""


def read_time(value: Any) -> int:
    """Return a time in nanoseconds given as number or text, 0 when it is neither, limited to unsigned 64 bits."""
    return min(max(_read_int(value) or 0, 0), _MAX_FIXED64)


def _read_int(value: Any) -> int | None:
    if isinstance(value, (int, str)):
        try:
            return int(value)
        except ValueError:
            return None
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    return None


def _read_enum(value: Any, names: dict[str, int]) -> int:
    if isinstance(value, str) and not value.isdecimal():
        return next((names[part] for part in (value, value.rpartition("_")[2]) if part in names), 0)
    number = _read_int(value) or 0
    return number if 0 <= number <= 0xFF else 0


def _transcode(body: bytes, names: Names, write_item: Callable[[Json], bytes]) -> bytes:
    resources, scopes, items = names
    out = []
    for resource in read_list(read_request(body), resources):
        parts = [_write_message(b"\x0a", get(resource, "resource"), _write_resource)]
        for scope in read_list(resource, scopes):
            content = [_write_message(b"\x0a", get(scope, "scope"), _write_scope)]
            content += [write_field(b"\x12", write_item(item)) for item in read_list(scope, items)]
            content.append(_write_text(b"\x1a", get(scope, "schemaUrl")))
            parts.append(write_field(b"\x12", b"".join(content)))
        parts.append(_write_text(b"\x1a", get(resource, "schemaUrl")))
        out.append(write_field(b"\x0a", b"".join(parts)))
    return b"".join(out)


def _write_resource(resource: Json) -> bytes:
    return _write_attributes(b"\x0a", resource)


def _write_scope(scope: Json) -> bytes:
    return (
        _write_text(b"\x0a", scope.get("name"))
        + _write_text(b"\x12", scope.get("version"))
        + _write_attributes(b"\x1a", scope)
    )


def _write_span(span: Json) -> bytes:
    parts = [
        _write_bytes(b"\x0a", read_id(get(span, "traceId"), 16)),
        _write_bytes(b"\x12", read_id(get(span, "spanId"), 8)),
        _write_text(b"\x1a", get(span, "traceState")),
        _write_bytes(b"\x22", read_id(get(span, "parentSpanId"), 8)),
        _write_text(b"\x2a", span.get("name")),
        _write_number(b"\x30", _read_enum(span.get("kind"), _KINDS)),
        _write_time(b"\x39", get(span, "startTimeUnixNano")),
        _write_time(b"\x41", get(span, "endTimeUnixNano")),
        _write_attributes(b"\x4a", span),
        _write_number(b"\x50", _read_int(get(span, "droppedAttributesCount"))),
    ]
    parts += [write_field(b"\x5a", _write_event(event)) for event in _read_objects(span.get("events"))]
    parts += [write_field(b"\x6a", _write_link(link)) for link in _read_objects(span.get("links"))]
    parts.append(_write_message(b"\x7a", span.get("status"), _write_status))
    flags = _read_int(span.get("flags"))
    if flags:
        parts.append(b"\x85\x01" + (flags & 0xFFFFFFFF).to_bytes(4, "little"))
    return b"".join(parts)


def _write_event(event: Json) -> bytes:
    return (
        _write_time(b"\x09", get(event, "timeUnixNano"))
        + _write_text(b"\x12", event.get("name"))
        + _write_attributes(b"\x1a", event)
        + _write_number(b"\x20", _read_int(get(event, "droppedAttributesCount")))
    )


def _write_link(link: Json) -> bytes:
    return (
        _write_bytes(b"\x0a", read_id(get(link, "traceId"), 16))
        + _write_bytes(b"\x12", read_id(get(link, "spanId"), 8))
        + _write_text(b"\x1a", get(link, "traceState"))
        + _write_attributes(b"\x22", link)
    )


def _write_status(status: Json) -> bytes:
    return _write_text(b"\x12", status.get("message")) + _write_number(
        b"\x18", _read_enum(status.get("code"), _STATUS_CODES)
    )


def _write_log(log: Json) -> bytes:
    body = log.get("body")
    return b"".join(
        (
            _write_time(b"\x09", get(log, "timeUnixNano")),
            _write_number(b"\x10", _read_enum(get(log, "severityNumber"), _SEVERITIES)),
            _write_text(b"\x1a", get(log, "severityText")),
            write_field(b"\x2a", _write_value(body, 0)) if body is not None else b"",
            _write_attributes(b"\x32", log),
            _write_number(b"\x38", _read_int(get(log, "droppedAttributesCount"))),
            _write_bytes(b"\x4a", read_id(get(log, "traceId"), 16)),
            _write_bytes(b"\x52", read_id(get(log, "spanId"), 8)),
            _write_time(b"\x59", get(log, "observedTimeUnixNano")),
            _write_text(b"\x62", get(log, "eventName")),
        )
    )


def _read_objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _write_attributes(tag: bytes, message: Json) -> bytes:
    return b"".join(write_field(tag, _write_pair(pair, 0)) for pair in _read_objects(message.get("attributes")))


def _write_pair(pair: Json, depth: int) -> bytes:
    return _write_text(b"\x0a", pair.get("key")) + write_field(b"\x12", _write_value(pair.get("value"), depth))


def _write_value(value: Any, depth: int) -> bytes:
    if not isinstance(value, dict):
        return _write_plain(value)
    for name, write in _VALUES.items():
        content = get(value, name)
        if content is not None:
            return write(content, depth)
    return b""


def _write_plain(value: Any) -> bytes:
    """Return an AnyValue for a value that a sender did not wrap in an object with its type."""
    if isinstance(value, str):
        return _write_string(value, 0)
    if isinstance(value, bool):
        return _write_bool(value, 0)
    if isinstance(value, int):
        return _write_int(value, 0)
    return _write_float(value, 0) if isinstance(value, float) else b""


def _write_string(value: Any, _: int) -> bytes:
    return write_field(b"\x0a", _encode(value if isinstance(value, str) else str(value)[:1000]))


def _write_bool(value: Any, _: int) -> bytes:
    return b"\x10\x01" if value is True or value in ("true", "True", 1) else b"\x10\x00"


def _write_int(value: Any, depth: int) -> bytes:
    number = _read_int(value)
    if number is None:
        return _write_string(value, depth)
    if not -(1 << 63) <= number < 1 << 63:
        return _write_string(str(number), depth)
    return b"\x18" + write_varint(number)


def _write_float(value: Any, depth: int) -> bytes:
    try:
        return b"\x21" + write_double(float(value))
    except (TypeError, ValueError, OverflowError):
        return _write_string(value, depth)


def _write_array(value: Any, depth: int) -> bytes:
    if depth >= MAX_DEPTH:
        return _write_string(DEPTH_MARKER, 0)
    values = value.get("values") if isinstance(value, dict) else value
    items = values if isinstance(values, list) else []
    return write_field(b"\x2a", b"".join(write_field(b"\x0a", _write_value(item, depth + 1)) for item in items))


def _write_map(value: Any, depth: int) -> bytes:
    if depth >= MAX_DEPTH:
        return _write_string(DEPTH_MARKER, 0)
    pairs = _read_objects(value.get("values") if isinstance(value, dict) else value)
    return write_field(b"\x32", b"".join(write_field(b"\x0a", _write_pair(pair, depth + 1)) for pair in pairs))


def _write_blob(value: Any, depth: int) -> bytes:
    try:
        return write_field(b"\x3a", base64.b64decode(value, validate=True))
    except (TypeError, ValueError):
        return _write_string(value, depth)


_VALUES: dict[str, Callable[[Any, int], bytes]] = {
    "stringValue": _write_string,
    "intValue": _write_int,
    "boolValue": _write_bool,
    "doubleValue": _write_float,
    "arrayValue": _write_array,
    "kvlistValue": _write_map,
    "bytesValue": _write_blob,
}


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        return clean_text(text).encode()


def _write_message(tag: bytes, value: Any, write: Callable[[Json], bytes]) -> bytes:
    return write_field(tag, write(value)) if isinstance(value, dict) else b""


def _write_text(tag: bytes, value: Any) -> bytes:
    return write_field(tag, _encode(value)) if isinstance(value, str) and value else b""


def _write_bytes(tag: bytes, value: bytes) -> bytes:
    return write_field(tag, value) if value else b""


def _write_number(tag: bytes, value: int | None) -> bytes:
    return tag + write_varint(value) if value else b""


def _write_time(tag: bytes, value: Any) -> bytes:
    time_ns = read_time(value)
    return tag + write_fixed64(time_ns) if time_ns else b""
