"""What ingestion must know of a request before it answers: how many items, and which of them are refused and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import DecodeError

from shared.otlp.check import REASONS, check_log, check_span, window
from shared.otlp.decode import OtlpDecodeError
from shared.otlp.descriptors import LogIdsRequest, SpanIdsRequest
from shared.otlp.transcode import LOGS, TRACES, Names, get, read_id, read_list, read_request, read_time
from shared.otlp.wire import MALFORMED, fields, read_varint

MAX_ITEMS = 50_000
# Below this size even a request of empty items takes little memory once parsed.
_COUNTED_BYTES = 256 * 1024
_ZERO_TRACE = bytes(16)
_ZERO_SPAN = bytes(8)
_LOGS_HINT = "This request holds log records; send them to /v1/logs."
_TRACES_HINT = "This request holds spans; send them to /v1/traces."


class TooManyItemsError(ValueError):
    """The request has more items than one request may have."""


class WrongSignalError(OtlpDecodeError):
    """Logs were sent to the address of traces, or the reverse."""


@dataclass(slots=True)
class ScanResult:
    """How many items a request has, and how many of them are refused for each reason."""

    received: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    @property
    def rejected_count(self) -> int:
        """Return the number of items that are refused."""
        return sum(self.rejected.values())

    @property
    def messages(self) -> list[str]:
        """Return a sentence for each reason."""
        return [f"{count} refused: {REASONS[reason]} ({reason})" for reason, count in self.rejected.items()]


def scan_traces(body: bytes, received_at_ns: int, retention_days: int, *, json: bool = False) -> ScanResult:
    """Return what ``decode_traces`` and ``check_span`` together will make of a request, at a tenth of the cost.

    Args:
        body: The request, not compressed.
        received_at_ns: When the request arrived, in nanoseconds since the Unix epoch.
        retention_days: Of the workspace.
        json: Whether the request is OTLP/JSON.

    Raises:
        OtlpDecodeError: The request cannot be read.
        WrongSignalError: The request holds log records.
        TooManyItemsError: The request has more than 50,000 spans.
    """
    rejected: Counter[str] = Counter()
    received = 0
    earliest, latest = window(received_at_ns, retention_days)
    for trace_id, span_id, start_ns, end_ns in _json_spans(body) if json else _spans(body):
        received += 1
        if (
            earliest <= start_ns <= latest
            and end_ns <= latest
            and len(trace_id) == 16
            and len(span_id) == 8
            and trace_id != _ZERO_TRACE
            and span_id != _ZERO_SPAN
        ):
            continue
        key = int.from_bytes(span_id, "big", signed=True) if len(span_id) == 8 else 0
        reason = check_span(trace_id, key, start_ns, end_ns or None, received_at_ns, retention_days)
        if reason is not None:
            rejected[reason] += 1
    if received and rejected["invalid_trace_id"] == received and not json and _holds_logs(body):
        raise WrongSignalError(_LOGS_HINT)
    return ScanResult(received, dict(+rejected))


def scan_logs(body: bytes, received_at_ns: int, retention_days: int, *, json: bool = False) -> ScanResult:
    """Return what ``decode_logs`` and ``check_log`` together will make of a request; see ``scan_traces``."""
    rejected: Counter[str] = Counter()
    received = 0
    for trace_id, time_ns in _json_logs(body) if json else _logs(body):
        received += 1
        reason = check_log(trace_id, time_ns, received_at_ns, retention_days)
        if reason is not None:
            rejected[reason] += 1
    if received and rejected["invalid_trace_id"] == received and not json and _holds_spans(body):
        raise WrongSignalError(_TRACES_HINT)
    return ScanResult(received, dict(+rejected))


def _spans(body: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    _check_count(body)
    try:
        request = SpanIdsRequest.FromString(body)
    except DecodeError as error:
        raise OtlpDecodeError("The body is not an OTLP message.") from error
    left = MAX_ITEMS
    for resource in request.resources:
        for scope in resource.scopes:
            items = scope.items
            left -= len(items)
            if left < 0:
                raise _too_many()
            for item in items:
                yield item.trace_id, item.span_id, item.start_ns, item.end_ns


def _logs(body: bytes) -> Iterator[tuple[bytes, int]]:
    _check_count(body)
    try:
        request = LogIdsRequest.FromString(body)
    except DecodeError as error:
        raise OtlpDecodeError("The body is not an OTLP message.") from error
    left = MAX_ITEMS
    for resource in request.resources:
        for scope in resource.scopes:
            items = scope.items
            left -= len(items)
            if left < 0:
                raise _too_many()
            for item in items:
                yield item.trace_id, item.time_ns or item.observed_ns


def _too_many() -> TooManyItemsError:
    return TooManyItemsError(f"One request may hold {MAX_ITEMS} items.")


def _check_count(body: bytes) -> None:
    """Count before parsing, since millions of empty items would take many times the memory of the request."""
    if len(body) <= _COUNTED_BYTES:
        return
    left = 3 * MAX_ITEMS
    try:
        for resource_tag, start, stop, _ in fields(body, 0, len(body)):
            left -= 1
            if resource_tag == 0x0A and left >= 0:
                left = _count_scopes(body, start, stop, left)
            if left < 0:
                raise _too_many()
    except MALFORMED as error:
        raise OtlpDecodeError("The body is not an OTLP message.") from error


def _count_scopes(body: bytes, position: int, stop: int, left: int) -> int:
    for tag, start, end, _ in fields(body, position, stop):
        left -= 1
        if tag == 0x12 and left >= 0:
            left = _count_items(body, start, end, left)
        if left < 0:
            return left
    return left


def _count_items(body: bytes, position: int, stop: int, left: int) -> int:
    while position < stop and left >= 0:
        if body[position] != 0x12:
            _, _, position, _ = next(fields(body, position, stop))
            continue
        position += 1
        length = body[position]
        position += 1
        if length >= 0x80:
            byte = body[position]
            if byte < 0x80:
                length += (byte - 1) << 7
                position += 1
            else:
                length, position = read_varint(body, position - 1)
        position += length
        left -= 1
    return left


def _holds_logs(body: bytes) -> bool:
    return any(item.time_ns or item.observed_ns for item in _parse_as(LogIdsRequest, body))


def _holds_spans(body: bytes) -> bool:
    return any(len(item.trace_id) == 16 for item in _parse_as(SpanIdsRequest, body))


def _parse_as(request_class: Any, body: bytes) -> Iterator[Any]:
    try:
        request = request_class.FromString(body)
    except DecodeError:
        return
    for resource in request.resources:
        for scope in resource.scopes:
            yield from scope.items


def _json_spans(body: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    for span in _json_items(body, TRACES, LOGS, _LOGS_HINT):
        yield (
            read_id(get(span, "traceId"), 16),
            read_id(get(span, "spanId"), 8),
            read_time(get(span, "startTimeUnixNano")),
            read_time(get(span, "endTimeUnixNano")),
        )


def _json_logs(body: bytes) -> Iterator[tuple[bytes, int]]:
    for log in _json_items(body, LOGS, TRACES, _TRACES_HINT):
        time_ns = read_time(get(log, "timeUnixNano")) or read_time(get(log, "observedTimeUnixNano"))
        yield read_id(get(log, "traceId"), 16), time_ns


def _json_items(body: bytes, names: Names, other: Names, hint: str) -> Iterator[dict[str, Any]]:
    resources, scopes, items = names
    left = MAX_ITEMS
    try:
        document = read_request(body)
        if get(document, resources) is None and get(document, other[0]) is not None:
            raise WrongSignalError(hint)
        for resource in read_list(document, resources):
            for scope in read_list(resource, scopes):
                found = read_list(scope, items)
                left -= len(found)
                if left < 0:
                    raise _too_many()
                yield from found
    except (OtlpDecodeError, TooManyItemsError):
        raise
    except ValueError as error:
        raise OtlpDecodeError(f"The body is not OTLP/JSON: {error}.") from error
