"""Answers by brute force over the raw rows, as a check of what rollups answer."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.domain import CostSource, SpanKind, Status

Row = Mapping[str, Any]
MODEL_KINDS = (SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RERANKER)


def close(found: float | None, expected: float | None, relative: float = 1e-6) -> bool:
    """Return whether two figures agree; figures are answered with three to nine digits."""
    if found is None or expected is None:
        return found is None and expected is None
    return math.isclose(found, expected, rel_tol=relative, abs_tol=6e-4)


def percentile(values: Iterable[int], share: float) -> float | None:
    """Return a percentile in milliseconds as ``percentile_disc`` defines it, of microseconds."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered))) - 1] / 1000 if ordered else None


class Oracle:
    """All raw rows of a workspace that start in a range, filtered."""

    def __init__(
        self,
        traces: Sequence[Row],
        spans: Sequence[Row],
        start: datetime,
        end: datetime | None,
        filters: Mapping[str, str],
    ) -> None:
        heads = {row["trace_id"]: row for row in traces}

        def keep(row: Row) -> bool:
            inside = row["start_time"] >= start and (end is None or row["start_time"] < end)
            return inside and all((row[name] or "") == value for name, value in filters.items())

        self.traces = [row for row in traces if keep(row)]
        full = []
        for row in spans:
            trace = heads[row["trace_id"]]
            full.append(
                {
                    **row,
                    **{name: row[name] or trace[name] for name in ("environment", "agent_id", "release")},
                    "model": row["model"] or row["model_requested"],
                }
            )
        self.spans = [row for row in full if keep(row)]

    @property
    def model_calls(self) -> list[Row]:
        """Return the spans that the rollups of models count."""
        return [row for row in self.spans if row["kind"] in MODEL_KINDS or row["counted"]]


def split(rows: Iterable[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    """Return rows by a key."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def errors(rows: Iterable[Row]) -> int:
    """Return how many did not succeed."""
    return sum(row["status"] != Status.SUCCESS for row in rows)


def error_rate(rows: Sequence[Row]) -> float | None:
    """Return the share that did not succeed."""
    return errors(rows) / len(rows) if rows else None


def durations(rows: Iterable[Row], name: str = "duration_us") -> list[int]:
    """Return the durations there are."""
    return [row[name] for row in rows if row[name] is not None]


def mean_ms(rows: Iterable[Row]) -> float | None:
    """Return the mean duration in milliseconds."""
    found = durations(rows)
    return sum(found) / len(found) / 1000 if found else None


def cost(rows: Iterable[Row]) -> float:
    """Return the cost of traces, or of those spans that count."""
    return sum(row["cost_nano"] or 0 for row in rows if row.get("counted", True)) / 1e9


def tokens(rows: Iterable[Row], name: str = "tokens_total") -> int:
    """Return tokens of traces, or of those spans that count; a total that was not sent is the sum of both sides."""
    total = 0
    for row in rows:
        if row.get("counted", True):
            value = row[name]
            if value is None and name == "tokens_total" and "counted" in row:
                value = (row["tokens_input"] or 0) + (row["tokens_output"] or 0)
            total += value or 0
    return total


def unpriced(rows: Iterable[Row]) -> int:
    """Return how many spans count and have no price."""
    return sum(row["counted"] and row["cost_nano"] is None for row in rows)


def distinct(rows: Iterable[Row], name: str) -> int:
    """Return how many different values there are."""
    return len({row[name] for row in rows if row[name]})


def bucket(moment: datetime, length: timedelta, origin: datetime) -> datetime:
    """Return the start of the bucket of a time."""
    return origin + (moment - origin) // length * length


def source_word(row: Row) -> str:
    """Return how a cost was found."""
    return CostSource(row["cost_source"]).word
