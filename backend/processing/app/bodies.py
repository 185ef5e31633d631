"""Bodies of requests inside an entry, and of single items inside a request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import zstandard

from shared.ids import new_uuid7
from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.frame import frame_logs, frame_spans
from shared.streams.contracts import ItemFormat, PendingRequest

_NOBODY = 0
_MILLISECOND_NS = 1_000_000


@dataclass(slots=True)
class RawRequest:
    """A request as it stands in an entry; ``damage`` says why its body cannot be told from the rest of the entry."""

    pending: PendingRequest
    body: bytes
    damage: str | None = None


@dataclass(slots=True)
class RawItem:
    """One item as a request of its own, with its place in the request that it came in."""

    index: int
    format: ItemFormat
    body: bytes
    trace_id: bytes | None = None
    span_id: int | None = None


def cut_entry(requests: Sequence[PendingRequest], data: bytes) -> list[RawRequest]:
    """Return the requests of an entry with their bodies."""
    total = sum(request.size for request in requests)
    try:
        bodies = zstandard.ZstdDecompressor().decompress(data, max_output_size=total) if total or data else b""
    except zstandard.ZstdError as error:
        return [RawRequest(request, data, str(error)) for request in requests]
    if len(bodies) != total:
        return [RawRequest(request, data, "sizes do not add up") for request in requests]
    cut: list[RawRequest] = []
    position = 0
    for request in requests:
        cut.append(RawRequest(request, bodies[position : position + request.size]))
        position += request.size
    return cut


def unreadable_entry(time_ms: int, data: bytes) -> RawRequest:
    """Return a request of nobody, in whose name an entry without a readable header is kept."""
    pending = PendingRequest(
        receipt_id=str(new_uuid7(time_ms * _MILLISECOND_NS)),
        workspace_id=_NOBODY,
        workspace=str(UUID(int=0)),
        received_at=time_ms * _MILLISECOND_NS,
        format="otlp_traces",
        size=len(data),
        received=1,
        retention_days=1,
    )
    return RawRequest(pending, data, "the header of the entry cannot be read")


def cut_items(pending: PendingRequest, body: bytes) -> Iterator[RawItem]:
    """Yield each item of a request as the body of a request of its own.

    Raises:
        ValueError: The items cannot be told apart.
    """
    match pending.format:
        case "otlp_traces" | "otlp_traces_json":
            for index, span in enumerate(decode_traces(body, json=pending.format.endswith("_json"))):
                yield RawItem(index, "otlp_traces", frame_spans([span]), span.trace_id, span.span_id)
        case "otlp_logs" | "otlp_logs_json":
            for index, log in enumerate(decode_logs(body, json=pending.format.endswith("_json"))):
                yield RawItem(index, "otlp_logs", frame_logs([log]), log.trace_id, log.span_id)
        case "client_report":
            yield RawItem(0, "client_report", body)
        case _:
            items: Any = orjson.loads(body)
            for index, item in enumerate(items):
                yield RawItem(index, pending.format, orjson.dumps([item]))
