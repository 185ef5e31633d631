"""Links and hand-offs that only the payloads of a trace tell."""

import re
from collections.abc import Collection, Mapping

from zstandard import ZstdError

from query.app.graph import LinkTarget
from shared.domain import PayloadFormat
from shared.logging import get_logger
from shared.normalisation.content import interpret_span
from shared.normalisation.handoffs import Handoff, complete_handoff
from shared.normalisation.payload import inflate, read_frame
from shared.otlp.source import SourceSpan

logger = get_logger(__name__)

# Bytes of payloads that are looked through for links, so that a trace of gigabytes does not cost minutes.
COMPRESSED_BUDGET = 16 * 1024 * 1024
_INFLATED_BUDGET = 128 * 1024 * 1024
# A link of a span in Protobuf: field 13 that begins with a trace id of 16 bytes or a span id of 8. Few other bytes look
# so, and spans that do not look so need not be decoded.
_OTLP_LINK = re.compile(rb"\x6a.{1,3}?(?:\x0a\x10|\x12\x08)", re.DOTALL)
_JSON_LINK = re.compile(rb'"links"\s*:\s*\[\s*\{')
_MARKS = {PayloadFormat.OTLP_TRACES: _OTLP_LINK, PayloadFormat.NATIVE: _JSON_LINK}


class EvidenceReader:
    """Takes in the payloads of a trace and keeps the links of its spans and the ends of its hand-offs."""

    def __init__(self, handoffs: Mapping[int, Handoff]) -> None:
        self._handoffs = dict(handoffs)
        self._left = _INFLATED_BUDGET
        self._links: dict[int, set[LinkTarget]] = {}
        self.complete = True

    @property
    def links(self) -> Mapping[int, Collection[LinkTarget]]:
        """Return what each span links to."""
        return self._links

    @property
    def handoffs(self) -> Mapping[int, Handoff]:
        """Return the hand-offs, with the ends that content stated."""
        return self._handoffs

    def add(self, payload_format: PayloadFormat, body: bytes, span_ids: Collection[int]) -> None:
        """Take in one payload and the ids of its spans."""
        if self._left <= 0:
            self.complete = False
            return
        try:
            frame = inflate(body)
            self._left -= len(frame)
            open_ids = {span_id for span_id in span_ids if self._is_open(span_id)}
            mark = _MARKS.get(payload_format)
            if not open_ids and (mark is None or mark.search(frame) is None):
                return
            for source in read_frame(payload_format, frame):
                if isinstance(source, SourceSpan):
                    self._take(source)
        except (ZstdError, ValueError):
            self.complete = False
            logger.exception("payload_unreadable", format=payload_format.name, bytes=len(body))

    def _is_open(self, span_id: int) -> bool:
        handoff = self._handoffs.get(span_id)
        return handoff is not None and handoff.target is None

    def _take(self, source: SourceSpan) -> None:
        for link in source.links:
            if len(link.trace_id) == 16 and len(link.span_id) == 8:
                target = (bytes(link.trace_id), int.from_bytes(link.span_id, "big", signed=True))
                self._links.setdefault(source.span_id, set()).add(target)
        if self._is_open(source.span_id):
            handoff = self._handoffs[source.span_id]
            self._handoffs[source.span_id] = complete_handoff(handoff, interpret_span(source))
