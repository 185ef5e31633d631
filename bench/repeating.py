"""Traces that go on for as long as somebody sends them, made from a few seconds of prepared ones."""

import itertools
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.traffic import SPANS_PER_TRACE, Traffic

SPANS_PER_REQUEST = 512
_PREPARED_SECONDS = 10
_WORD = struct.Struct("<Q")
# Tags of OTLP: the id of the trace with its length, and the times as fixed 64 bits.
_TRACE_ID, _START, _END = b"\x0a\x10", b"\x39", b"\x41"


@dataclass(slots=True)
class _Prepared:
    """A request, and where in it are ids of traces and times."""

    body: bytes
    ids: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        place = 0
        for group in ExportTraceServiceRequest.FromString(self.body).resource_spans:
            for span in group.scope_spans[0].spans:
                place = self._find(_TRACE_ID + span.trace_id, place)
                self.ids.append(place + len(_TRACE_ID))
                for tag, moment in ((_START, span.start_time_unix_nano), (_END, span.end_time_unix_nano)):
                    place = self._find(tag + _WORD.pack(moment), place)
                    self.times.append(place + len(tag))

    def _find(self, part: bytes, place: int) -> int:
        return self.body.index(part, place)

    def stamped(self, number: int, shift_ns: int) -> bytes:
        """Return the request with other traces, which start so much later."""
        changed = bytearray(self.body)
        for places, change in ((self.ids, number.__xor__), (self.times, shift_ns.__add__)):
            for place in places:
                _WORD.pack_into(changed, place, change(*_WORD.unpack_from(changed, place)))
        return bytes(changed)


class Repeating:
    """Prepared requests that are repeated, each time with ids of their own and the time of the day."""

    def __init__(self, traffic: Traffic, spans_per_s: float) -> None:
        """Prepare what is sent in some seconds.

        Args:
            traffic: What the traces are taken from.
            spans_per_s: How many spans a second will be sent.
        """
        # Whole traces and whole requests, so that no trace lacks what the next request would have brought.
        times = max(1, round(spans_per_s * _PREPARED_SECONDS / (SPANS_PER_REQUEST * SPANS_PER_TRACE)))
        self._made_ns = time.time_ns()
        self._prepared = [_Prepared(body) for body, _ in traffic.requests(times * SPANS_PER_REQUEST, SPANS_PER_REQUEST)]

    def bodies(self, is_over: Callable[[], bool]) -> Iterator[bytes]:
        """Yield requests, each of ``SPANS_PER_REQUEST`` spans, until it is over."""
        for number in itertools.count():
            shift_ns = time.time_ns() - self._made_ns
            for prepared in self._prepared:
                if is_over():
                    return
                yield prepared.stamped(number, shift_ns)
