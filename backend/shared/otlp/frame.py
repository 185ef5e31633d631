"""Payload frames: items of one trace as they were sent, put together as one OTLP message."""

from collections.abc import Iterable, Sequence

from shared.otlp.source import SourceLog, SourceScope, SourceSpan
from shared.otlp.wire import write_varint

_RESOURCES_TAG = b"\x0a"
_ITEMS_TAG = b"\x12"


def frame_spans(spans: Sequence[SourceSpan]) -> bytes:
    """Return a TracesData message with these spans; ``decode_traces`` yields them again, grouped by scope."""
    return _frame((span.scope, span.raw) for span in spans)


def frame_logs(logs: Sequence[SourceLog]) -> bytes:
    """Return a LogsData message with these records; ``decode_logs`` yields them again, grouped by scope."""
    return _frame((log.scope, log.raw) for log in logs)


def _frame(items: Iterable[tuple[SourceScope, bytes]]) -> bytes:
    groups: dict[int, tuple[SourceScope, list[bytes]]] = {}
    for scope, raw in items:
        group = groups.get(id(scope))
        if group is None:
            group = groups[id(scope)] = (scope, [scope.scope_raw])
        group[1].append(_ITEMS_TAG + write_varint(len(raw)) + raw)
    frame: list[bytes] = []
    for scope, parts in groups.values():
        content = b"".join(parts)
        head = scope.resource_raw + _ITEMS_TAG + write_varint(len(content))
        frame += (_RESOURCES_TAG, write_varint(len(head) + len(content)), head, content)
    return b"".join(frame)
