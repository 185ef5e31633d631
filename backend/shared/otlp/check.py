"""Which spans and log records are taken; asked once by ingestion to answer, once by processing to skip the same."""

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
FUTURE_NS = 3600 * SECOND_NS

_ZERO_TRACE = bytes(16)

# What the sender is told; one sentence for each reason.
REASONS = {
    "invalid_trace_id": "the trace id is not 16 bytes, or is all zeros",
    "invalid_span_id": "the span id is not 8 bytes, or is all zeros",
    "start_time_missing": "there is no start time",
    "start_time_too_old": "the start time lies before the retention window",
    "start_time_in_future": "the start time lies more than an hour ahead",
    "end_time_in_future": "the end time lies more than an hour ahead",
    "time_missing": "there is no time",
    "time_too_old": "the time lies before the retention window",
    "time_in_future": "the time lies more than an hour ahead",
}


def window(received_at_ns: int, retention_days: int) -> tuple[int, int]:
    """Return the earliest and latest time that is taken, in nanoseconds since the Unix epoch."""
    return received_at_ns - retention_days * DAY_NS, received_at_ns + FUTURE_NS


def check_span(
    trace_id: bytes, span_id: int, start_ns: int, end_ns: int | None, received_at_ns: int, retention_days: int
) -> str | None:
    """Return why a span is not taken, None when it is.

    An end before the start is taken (its duration counts as 0), and so is a missing end.

    Args:
        trace_id: As sent.
        span_id: Key of the span, 0 when what was sent is not valid.
        start_ns: Nanoseconds since the Unix epoch, 0 when none was sent.
        end_ns: The same, None while the span is open.
        received_at_ns: When the request arrived.
        retention_days: Of the workspace.
    """
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
        return "invalid_trace_id"
    if span_id == 0:
        return "invalid_span_id"
    if start_ns == 0:
        return "start_time_missing"
    earliest, latest = window(received_at_ns, retention_days)
    if start_ns < earliest:
        return "start_time_too_old"
    if start_ns > latest:
        return "start_time_in_future"
    if end_ns is not None and end_ns > latest:
        return "end_time_in_future"
    return None


def check_log(trace_id: bytes, time_ns: int, received_at_ns: int, retention_days: int) -> str | None:
    """Return why a log record is not taken, None when it is; see ``check_span``.

    A record without a trace id belongs to no trace, and there is nowhere to show it.
    """
    if len(trace_id) != 16 or trace_id == _ZERO_TRACE:
        return "invalid_trace_id"
    if time_ns == 0:
        return "time_missing"
    return check_time(time_ns, received_at_ns, retention_days)


def check_time(time_ns: int, received_at_ns: int, retention_days: int) -> str | None:
    """Return why a time is not taken, None when it is; see ``check_span``."""
    earliest, latest = window(received_at_ns, retention_days)
    if time_ns < earliest:
        return "time_too_old"
    if time_ns > latest:
        return "time_in_future"
    return None
