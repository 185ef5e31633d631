"""What ingestion must know of a request before it answers: how many items, and which of them are refused and why."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Any

from shared.otlp.check import REASONS, check_log, check_span, window
from shared.otlp.decode import read_log_ids, read_span_ids
from shared.otlp.envelope import MAX_ITEMS, OtlpDecodeError, TooManyItemsError, read_groups
from shared.otlp.transcode import LOGS, TRACES, Names, get, read_id, read_list, read_request, read_time

_ZERO_TRACE = bytes(16)
_ZERO_SPAN = bytes(8)
# Start and end time, each with its tag, follow each other in what every encoder writes.
_read_times = Struct("<BQBQ").unpack_from
_TIMES_SIZE = 18
_LOGS_HINT = "This request holds log records; send them to /v1/logs."
_TRACES_HINT = "This request holds spans; send them to /v1/traces."


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
    if not json:
        return _scan_spans(body, received_at_ns, retention_days)
    result = _Tally()
    for span in _json_items(body, TRACES, LOGS, _LOGS_HINT):
        span_id = int.from_bytes(read_id(get(span, "spanId"), 8), "big", signed=True)
        start_ns, end_ns = read_time(get(span, "startTimeUnixNano")), read_time(get(span, "endTimeUnixNano"))
        trace_id = read_id(get(span, "traceId"), 16)
        result.add(check_span(trace_id, span_id, start_ns, end_ns or None, received_at_ns, retention_days))
    return result.scan_result()


def scan_logs(body: bytes, received_at_ns: int, retention_days: int, *, json: bool = False) -> ScanResult:
    """Return what ``decode_logs`` and ``check_log`` together will make of a request; see ``scan_traces``."""
    result = _Tally()
    if json:
        for log in _json_items(body, LOGS, TRACES, _TRACES_HINT):
            time_ns = read_time(get(log, "timeUnixNano")) or read_time(get(log, "observedTimeUnixNano"))
            trace_id = read_id(get(log, "traceId"), 16)
            result.add(check_log(trace_id, time_ns, received_at_ns, retention_days))
        return result.scan_result()
    for raw in _items(body):
        result.add(check_log(*read_log_ids(raw), received_at_ns, retention_days))
    if result.is_foreign() and any(len(read_span_ids(raw)[0]) == 16 for raw in _items(body)):
        raise WrongSignalError(_TRACES_HINT)
    return result.scan_result()


class _Tally:
    def __init__(self) -> None:
        self.received = 0
        self.rejected: Counter[str] = Counter()

    def add(self, reason: str | None) -> None:
        self.received += 1
        if reason is not None:
            self.rejected[reason] += 1

    def is_foreign(self) -> bool:
        """Return whether nothing in the request has a trace id where this signal has it."""
        return 0 < self.received == self.rejected["invalid_trace_id"]

    def scan_result(self) -> ScanResult:
        return ScanResult(self.received, dict(+self.rejected))


def _scan_spans(body: bytes, received_at_ns: int, retention_days: int) -> ScanResult:
    earliest, latest = window(received_at_ns, retention_days)
    result = _Tally()
    good = 0
    for group in read_groups(body, MAX_ITEMS):
        bounds = iter(group.bounds)
        for position, stop in zip(bounds, bounds, strict=True):
            at = position + 28
            # The order in which every encoder writes; whatever differs is read field by field.
            if (
                stop - at >= _TIMES_SIZE
                and body[position : position + 2] == b"\x0a\x10"
                and body[position + 18 : position + 20] == b"\x12\x08"
            ):
                if body[at] == 0x22 and body[at + 1] == 8:
                    at += 10
                if body[at] == 0x2A and (length := body[at + 1]) < 0x80:
                    at += 2 + length
                if stop - at >= _TIMES_SIZE + 2:
                    if body[at] == 0x30 and body[at + 1] < 0x80:
                        at += 2
                    start_tag, start_ns, end_tag, end_ns = _read_times(body, at)
                    if (
                        start_tag == 0x39
                        and end_tag == 0x41
                        and earliest <= start_ns <= latest
                        and 0 < end_ns <= latest
                        and body[position + 2 : position + 18] != _ZERO_TRACE
                        and body[position + 20 : position + 28] != _ZERO_SPAN
                    ):
                        good += 1
                        continue
            trace_id, span_id, start_ns, end_ns = read_span_ids(body[position:stop])
            result.add(check_span(trace_id, span_id, start_ns, end_ns or None, received_at_ns, retention_days))
    result.received += good
    if result.is_foreign() and any(read_log_ids(raw)[1] for raw in _items(body)):
        raise WrongSignalError(_LOGS_HINT)
    return result.scan_result()


def _items(body: bytes) -> Iterator[bytes]:
    for group in read_groups(body, MAX_ITEMS):
        bounds = iter(group.bounds)
        for start, stop in zip(bounds, bounds, strict=True):
            yield body[start:stop]


def _json_items(body: bytes, names: Names, other: Names, hint: str) -> list[dict[str, Any]]:
    resources, scopes, items = names
    try:
        document = read_request(body)
        found = [
            item
            for resource in read_list(document, resources)
            for scope in read_list(resource, scopes)
            for item in read_list(scope, items)
        ]
    except ValueError as error:
        raise OtlpDecodeError(f"The body is not OTLP/JSON: {error}.") from error
    if get(document, resources) is None and get(document, other[0]) is not None:
        raise WrongSignalError(hint)
    if len(found) > MAX_ITEMS:
        raise TooManyItemsError(f"One request may hold {MAX_ITEMS} items.")
    return found
