"""From the payloads of a span to what a person reads."""

from zstandard import ZstdError

from shared.domain import PayloadFormat
from shared.logging import get_logger
from shared.normalisation.content import interpret_span
from shared.normalisation.model import SpanContent, SpanRow
from shared.normalisation.payload import read_payload
from shared.normalisation.spans import normalise_span
from shared.normalisation.trace import wins
from shared.otlp.source import SourceLog, SourceSpan

logger = get_logger(__name__)


class ContentReader:
    """Finds among payloads the version of a span that was stored, and the span's log records."""

    def __init__(self, span_id: int) -> None:
        self._span_id = span_id
        self._winner: tuple[SourceSpan, SpanRow] | None = None
        self._logs: dict[tuple[int, bytes], SourceLog] = {}

    @property
    def found(self) -> bool:
        """Return whether any payload held the span."""
        return self._winner is not None

    def add(self, payload_format: PayloadFormat, body: bytes) -> None:
        """Take in one payload; versions of the span are compared as they were when they were stored."""
        try:
            for source in read_payload(payload_format, body):
                if source.span_id == self._span_id:
                    self._take(source)
        except (ZstdError, ValueError):
            # The row of the span tells most of it without the payload.
            logger.exception("payload_unreadable", format=payload_format.name, bytes=len(body))

    def _take(self, source: SourceSpan | SourceLog) -> None:
        if isinstance(source, SourceLog):
            self._logs.setdefault((source.time_ns, source.raw), source)
            return
        row = normalise_span(source)
        if self._winner is None or wins(row, self._winner[1]):
            self._winner = (source, row)

    def content(self) -> SpanContent:
        """Return what the span holds; nothing when no payload held it."""
        if self._winner is None:
            return SpanContent()
        return interpret_span(self._winner[0], list(self._logs.values()))
