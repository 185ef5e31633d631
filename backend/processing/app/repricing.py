"""What repricing makes of spans that are stored, and its account to the nano-dollar. No I/O."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import zstandard

from shared.domain import NANO_PER_USD, CostSource, PayloadFormat
from shared.normalisation.model import SpanRow
from shared.normalisation.payload import read_payload
from shared.normalisation.spans import normalise_span
from shared.otlp.source import SourceSpan
from shared.pricing.book import PriceBook

# Further models are added up, lest made-up names fill the account.
_MOST_MODELS = 200
_MODEL_SEPARATOR = "\x1f"
OTHERS = _MODEL_SEPARATOR + _MODEL_SEPARATOR


class Cost(NamedTuple):
    """What a stored span cost, how that was found, and whether it counts for its trace."""

    nano: int | None
    source: CostSource
    price_id: int | None
    counted: bool

    @property
    def counted_nano(self) -> int:
        """Return what the span adds to totals."""
        return (self.nano or 0) if self.counted else 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which spans to price again: those that start in a range, nanoseconds since the Unix epoch, and their model."""

    start_ns: int
    end_ns: int
    provider: str | None = None
    model: str | None = None

    def includes(self, row: SpanRow) -> bool:
        """Return whether a span is asked for."""
        if not self.start_ns <= row.start_ns < self.end_ns:
            return False
        if self.provider is not None and (row.model_provider or "").lower() != self.provider:
            return False
        return self.model is None or self.model in ((row.model or "").lower(), (row.model_requested or "").lower())


def costs_of(rows: Iterable[SpanRow]) -> dict[int, Cost]:
    """Return the costs of spans as they are stored, by id."""
    return {row.span_id: Cost(row.cost_nano, row.cost_source, row.price_id, row.counted) for row in rows}


def has_cost_or_usage(row: SpanRow) -> bool:
    """Return whether repricing has anything to say about a span."""
    return row.cost_nano is not None or row.tokens_input is not None or row.tokens_output is not None


class Repricer:
    """Prices stored spans by a price book.

    Args:
        book: The prices.
        workspace: Number of the workspace.
        wanted: Which spans to price.
    """

    def __init__(self, book: PriceBook, workspace: int, wanted: Wanted) -> None:
        self._book = book
        self._workspace = workspace
        self.wanted = wanted

    def price(self, rows: Iterable[SpanRow]) -> list[SpanRow]:
        """Set cost, source and price id of the spans asked for, and return those that lost a price of the workspace.

        Such a price has hidden the cost that the sender may have reported, which ``restore`` finds in what was sent.
        """
        lost = []
        for row in rows:
            if not self.wanted.includes(row) or not has_cost_or_usage(row):
                continue
            was_override = row.cost_source is CostSource.OVERRIDE
            self._book.price_span(row, self._workspace)
            if was_override and row.cost_source is not CostSource.OVERRIDE:
                lost.append(row)
        return lost

    def restore(self, rows: Iterable[SpanRow], reported: Mapping[tuple[bytes, int, int], int]) -> None:
        """Price spans once more, with the costs that their senders reported, by trace, span and digest."""
        for row in rows:
            cost = reported.get((row.trace_id, row.span_id, row.digest))
            if cost is not None:
                row.cost_nano, row.cost_source = cost, CostSource.REPORTED
                self._book.price_span(row, self._workspace)


def reported_costs(trace_id: bytes, payloads: Iterable[tuple[int, bytes]]) -> dict[tuple[bytes, int, int], int]:
    """Return the costs that senders reported, by trace, span and digest, from payloads of a trace.

    Args:
        trace_id: Key of the trace.
        payloads: Format and body of each.
    """
    found: dict[tuple[bytes, int, int], int] = {}
    for payload_format, body in payloads:
        try:
            sources = list(read_payload(PayloadFormat(payload_format), body))
        except (zstandard.ZstdError, ValueError):
            # What cannot be read any more reports nothing; the span keeps what the price list says.
            continue
        for source in sources:
            if isinstance(source, SourceSpan):
                row = normalise_span(source)
                if row.cost_nano is not None:
                    found[trace_id, row.span_id, row.digest] = row.cost_nano
    return found


@dataclass(slots=True)
class Account:
    """What repricing found and changed; costs are nano-dollars of spans that count for their trace."""

    traces: int = 0
    traces_changed: int = 0
    spans: int = 0
    spans_changed: int = 0
    newly_priced: int = 0
    newly_unpriced: int = 0
    before: int = 0
    after: int = 0
    by_model: dict[str, list[int]] = field(default_factory=dict)

    def add_trace(
        self,
        rows: Sequence[SpanRow],
        before: Mapping[int, Cost],
        counted: AbstractSet[int],
        is_wanted: Callable[[SpanRow], bool],
    ) -> None:
        """Count a trace whose spans have their new costs.

        A span that was not asked for is part of the account only if it counts now and did not before, or the reverse.

        Args:
            rows: All its spans.
            before: Their costs as they were.
            counted: Ids of the spans that count for the trace now.
            is_wanted: Whether a span was asked for.
        """
        changed = 0
        for row in rows:
            old = before[row.span_id]
            new = Cost(row.cost_nano, row.cost_source, row.price_id, row.span_id in counted)
            asked = is_wanted(row) and has_cost_or_usage(row)
            if not asked and old.counted == new.counted:
                continue
            self.before += old.counted_nano
            self.after += new.counted_nano
            if not asked:
                continue
            self.spans += 1
            if old[:3] != new[:3]:
                changed += 1
                self.newly_priced += old.nano is None and new.nano is not None
                self.newly_unpriced += old.nano is not None and new.nano is None
            self._add_model(row, old.counted_nano, new.counted_nano)
        self.traces += 1
        self.traces_changed += changed > 0
        self.spans_changed += changed

    def _add_model(self, row: SpanRow, before: int, after: int) -> None:
        key = _MODEL_SEPARATOR.join((row.model_provider or "", row.model or row.model_requested or ""))
        if key not in self.by_model and len(self.by_model) >= _MOST_MODELS:
            key = OTHERS
        sums = self.by_model.setdefault(key, [0, 0, 0])
        for index, value in enumerate((1, before, after)):
            sums[index] += value

    def plus(self, other: "Account") -> "Account":
        """Return the sum of two accounts."""
        models = {key: list(sums) for key, sums in self.by_model.items()}
        for key, sums in other.by_model.items():
            target = key if key in models or len(models) < _MOST_MODELS else OTHERS
            mine = models.setdefault(target, [0, 0, 0])
            for index, value in enumerate(sums):
                mine[index] += value
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return Account(**numbers, by_model=models)

    def dump(self) -> dict[str, Any]:
        """Return JSON values from which ``load`` makes the same account."""
        return {**{name: getattr(self, name) for name in _NUMBERS}, "by_model": self.by_model}

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> "Account":
        """Return the account of ``dump``."""
        return cls(**values)

    def result(self, *, dry_run: bool) -> dict[str, Any]:
        """Return the account as people read it, in USD, dearest models first."""
        models = sorted(self.by_model.items(), key=lambda item: (-max(item[1][1:]), item[0]))
        return {
            "dry_run": dry_run,
            "traces": self.traces,
            "traces_changed": self.traces_changed,
            "spans": self.spans,
            "spans_changed": self.spans_changed,
            "newly_priced": self.newly_priced,
            "newly_unpriced": self.newly_unpriced,
            "cost_before_usd": _dollars(self.before),
            "cost_after_usd": _dollars(self.after),
            "difference_usd": _dollars(self.after - self.before),
            "by_model": [_model(key, sums) for key, sums in models],
        }


_NUMBERS = (
    "traces",
    "traces_changed",
    "spans",
    "spans_changed",
    "newly_priced",
    "newly_unpriced",
    "before",
    "after",
)  # fmt: skip


def _model(key: str, sums: Sequence[int]) -> dict[str, Any]:
    provider, _, model = key.partition(_MODEL_SEPARATOR)
    spans, before, after = sums
    return {
        "provider": provider or None,
        "model": None if key == OTHERS else model or None,
        "is_other": key == OTHERS,
        "spans": spans,
        "before_usd": _dollars(before),
        "after_usd": _dollars(after),
    }


def _dollars(nano: int) -> float:
    return nano / NANO_PER_USD
