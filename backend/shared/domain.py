"""Terms of the domain that several services store, compare or show."""

from enum import IntEnum
from typing import Self


class _Term(IntEnum):
    """Enumeration stored as a small integer and shown as a lower-case word."""

    @property
    def word(self) -> str:
        """Return the public spelling, for example ``llm``."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> Self:
        """Return the member with this public spelling.

        Raises:
            KeyError: No member is spelt so.
        """
        return cls[word.upper()]


class SpanKind(_Term):
    """What a span did; the values are stored in ``spans.kind``."""

    OTHER = 0
    AGENT = 1
    LLM = 2
    TOOL = 3
    CHAIN = 4
    RETRIEVER = 5
    EMBEDDING = 6
    RERANKER = 7
    GUARDRAIL = 8
    EVALUATOR = 9


class Status(_Term):
    """How a span or trace ended."""

    SUCCESS = 0
    ERROR = 1
    TIMEOUT = 2


class CostSource(_Term):
    """How a cost was found, in rising order of precedence; ``PARTIAL`` occurs on traces only."""

    UNPRICED = 0
    PATTERN = 1
    EXACT = 2
    REPORTED = 3
    OVERRIDE = 4
    PARTIAL = 5


class PayloadFormat(IntEnum):
    """How the frame in ``span_payloads.body`` is encoded."""

    OTLP_TRACES = 0
    OTLP_LOGS = 1
    FLAT = 2
    NATIVE = 3


NANO_PER_USD = 1_000_000_000
