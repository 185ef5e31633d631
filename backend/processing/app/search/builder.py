"""From what was sent to the document by which a trace is found.

Everything that people or programs wrote counts: names, input, output, messages, arguments and results of tools, errors,
tags and metadata. Values are taken as they were sent and not as they are shown, which costs a fraction of interpreting
them and leaves nothing out, whatever the dialect.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import orjson

from shared.domain import PayloadFormat
from shared.fulltext import BREAK, words_of
from shared.normalisation.payload import read_payload
from shared.normalisation.spans import normalise_span
from shared.normalisation.trace import wins
from shared.otlp.source import SourceLog, SourceSpan

# Characters of one trace, and of one value, so that a long document does not crowd out the answer.
TEXT_LIMIT = 64 * 1024
VALUE_LIMIT = 16 * 1024
_JSON_LIMIT = 1024 * 1024
_DEPTH_LIMIT = 24
_BASE64_LENGTH = 256
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]{256,}")
# Keys of messages and their parts, which every conversation has, and values that are only ever such words.
_STRUCTURE = frozenset(
    {"role", "type", "content", "parts", "text", "message", "messages", "kwargs", "args", "value", "finish_reason"}
)
_WORDLESS = frozenset({"role", "type", "finish_reason"})
# Schemas of tools that a model might have called would have every trace found by the names of all tools.
_LEFT_OUT = re.compile(
    r"tool[._]?definitions|^llm\.tools\.|request\.functions\.|prompt\.tools|^openinference\.span\.kind|\.json_schema$"
    r"|invocation_parameters|^llm\.request\.type|mime_type|operation\.name$|message\.role$|finish_reason"
)


@dataclass(frozen=True, slots=True)
class IndexedTrace:
    """What a document is made from: the texts of a trace's row, and of its payloads as many as were read."""

    texts: tuple[str, ...]
    metadata: str | None
    previews: tuple[str, ...]
    payloads: list[tuple[PayloadFormat, bytes]] = field(default_factory=list)


class TextCollector:
    """Collects the texts of a trace, each once: calls of models repeat the conversation so far."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._left = TEXT_LIMIT
        self._texts: list[str] = []

    @property
    def is_full(self) -> bool:
        """Return whether no further text would be taken."""
        return self._left <= 0

    @property
    def texts(self) -> list[str]:
        """Return what was collected."""
        return self._texts

    def add(self, value: object, depth: int = 0) -> None:
        """Take in a value of any shape; text that is JSON counts as what it says."""
        if isinstance(value, str):
            if value not in self._seen and self._left > 0:
                self._seen.add(value)
                self._add_text(value, depth)
        elif isinstance(value, Mapping):
            if depth < _DEPTH_LIMIT:
                for key, held in value.items():
                    if key in _WORDLESS and isinstance(held, str):
                        continue
                    if key not in _STRUCTURE:
                        self.add(key, depth + 1)
                    self.add(held, depth + 1)
        elif isinstance(value, list | tuple):
            if depth < _DEPTH_LIMIT:
                for held in value:
                    self.add(held, depth + 1)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            self.add(str(value), depth)

    def _add_text(self, text: str, depth: int) -> None:
        if len(text) > 1 and text[0] in '{["' and len(text) <= _JSON_LIMIT and depth < _DEPTH_LIMIT:
            try:
                parsed = orjson.loads(text)
            except ValueError:
                pass
            else:
                self.add(parsed, depth + 1)
                return
        if len(text) > _BASE64_LENGTH:
            text = _BASE64.sub(" ", text[: 4 * VALUE_LIMIT])[: min(VALUE_LIMIT, self._left)]
        if BREAK in text:
            text = text.replace(BREAK, " ")
        self._left -= len(text) + 1
        self._texts.append(text)

    def add_source(self, source: SourceSpan | SourceLog) -> None:
        """Take in a span or log record."""
        if isinstance(source, SourceSpan):
            self.add(source.name)
            if source.status_message:
                self.add(source.status_message)
            self._add_attributes(source.attributes)
            for event in source.events:
                self.add(event.name)
                self._add_attributes(event.attributes)
            return
        self.add(source.body)
        self._add_attributes(source.attributes)

    def _add_attributes(self, attributes: Mapping[str, object]) -> None:
        seen = self._seen
        for key, value in attributes.items():
            kind = type(value)
            if kind is str:
                if value in seen or _is_left_out(key):
                    continue
            elif kind is int or kind is float or kind is bool or _is_left_out(key):
                # Counts and measures; a number that names something is text, or part of a value with a shape.
                continue
            self.add(value)


@lru_cache(4096)
def _is_left_out(key: str) -> bool:
    return _LEFT_OUT.search(key) is not None


def texts_of(trace: IndexedTrace) -> list[str]:
    """Return the texts of a trace, each once and no more than are indexed.

    Raises:
        Exception: A payload cannot be read; ``texts_of_row`` still can.
    """
    collector = _of_row(trace)
    spans: dict[int, SourceSpan] = {}
    logs: list[SourceLog] = []
    for payload_format, body in trace.payloads:
        for source in read_payload(payload_format, body):
            if isinstance(source, SourceLog):
                logs.append(source)
                continue
            other = spans.get(source.span_id)
            # What a later version of a span replaced is not shown, so it is not found either.
            if other is None or wins(normalise_span(source), normalise_span(other)):
                spans[source.span_id] = source
    # What was asked and answered stands in the root, and errors are looked for most.
    for source in sorted(spans.values(), key=_order):
        if collector.is_full:
            break
        collector.add_source(source)
    for log in logs:
        collector.add_source(log)
    if not spans and not logs:
        collector.add(trace.previews)
    return collector.texts


def texts_of_row(trace: IndexedTrace) -> list[str]:
    """Return the texts of a trace whose payloads cannot be read."""
    collector = _of_row(trace)
    collector.add(trace.previews)
    return collector.texts


def _of_row(trace: IndexedTrace) -> TextCollector:
    collector = TextCollector()
    collector.add(trace.texts)
    if trace.metadata:
        collector.add(trace.metadata)
    return collector


def _order(span: SourceSpan) -> tuple[bool, bool, int]:
    return span.parent_span_id is not None, span.status_code != 2, span.start_ns


def words_with_breaks(texts: Iterable[str]) -> list[str]:
    """Return the words of texts, with a break after each text."""
    plain: list[str] = []
    others: list[str] = []
    for text in texts:
        (plain if text.isascii() else others).append(text)
    words = words_of(BREAK.join(plain)) if plain else []
    if others:
        words.append(BREAK)
        words += words_of(BREAK.join(others))
    return words
