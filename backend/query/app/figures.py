"""Figures from sums: rates, means, percentiles and changes, each None where it is not defined."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from query.app.histogram import percentiles
from query.app.presentation import Row, dollars
from query.app.windows import Granularity, Window, points_of
from shared.normalisation.jsonready import json_ready

TOKEN_MEASURES = ("tokens_input", "tokens_output", "tokens_total", "tokens_cached", "tokens_reasoning")
OTHER = "other"


def ratio(part: float | None, whole: float | None, scale: float = 1.0) -> float | None:
    """Return a part of a whole, times ``scale``."""
    return None if part is None or not whole else part / whole * scale


def rounded(value: float | None, digits: int = 3) -> float | None:
    """Return a figure without the digits that say nothing."""
    return None if value is None else round(value, digits)


def error_rate(row: Mapping[str, Any]) -> float | None:
    """Return the share of traces or spans that did not succeed, from 0 to 1."""
    return rounded(ratio(row["errors"], row["n"]), 6)


def mean_ms(row: Mapping[str, Any]) -> float | None:
    """Return the mean duration in milliseconds."""
    return rounded(ratio(row["duration_us"], row["duration_n"], 0.001))


def percentiles_ms(row: Mapping[str, Any], shares: Sequence[float], *, ttft: bool = False) -> list[float | None]:
    """Return percentiles in milliseconds, see ``histogram.percentiles``."""
    return [None if value is None else rounded(value / 1000) for value in percentiles(row["hist"], shares, ttft=ttft)]


def latency(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Return mean and percentiles of the duration in milliseconds."""
    p50, p95, p99 = percentiles_ms(row, (0.5, 0.95, 0.99))
    return {"avg_latency_ms": mean_ms(row), "p50_latency_ms": p50, "p95_latency_ms": p95, "p99_latency_ms": p99}


def tokens(row: Mapping[str, Any]) -> dict[str, object]:
    """Return sums of tokens."""
    return {name: json_ready(int(row[name])) for name in TOKEN_MEASURES}


def cost(row: Mapping[str, Any]) -> float:
    """Return the sum of what has a price, in USD."""
    return dollars(row["cost_nano"]) or 0.0


def compared(value: float | None, previous: float | None) -> dict[str, float | None]:
    """Return a figure, the one before and the change in percent."""
    change = None
    if value is not None and previous:
        change = rounded((value - previous) / abs(previous) * 100, 2)
    return {"value": value, "previous": previous, "change_percent": change}


def by_period(rows: Iterable[Row]) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Return the row of the current and of the previous period."""
    found = {row["is_current"]: row for row in rows}
    return found.get(True), found.get(False)


def named(value: str) -> str | None:
    """Return the value of a dimension, None for what has none."""
    return value or None


def aligned(window: Window, granularity: Granularity, rows: Sequence[Row]) -> list[tuple[datetime, Row | None]]:
    """Return each point of a chart with its row, None where there is none."""
    by_time = {row["time"]: row for row in rows}
    return [(point, by_time.get(point)) for point in points_of(window, granularity, by_time)]


def stacked(
    points: Sequence[datetime], rows: Sequence[Row], names: Sequence[str], measure: str, limit: int
) -> list[tuple[tuple[Any, ...] | None, list[int]]]:
    """Return the series of the groups with the highest sums, and of all others together under None.

    Args:
        points: The times of the series.
        rows: Rows with a time, the dimensions and the measure.
        names: The dimensions.
        measure: What is summed.
        limit: Most series beside that of the others.
    """
    totals: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(row[name] for name in names)
        totals[key] = totals.get(key, 0) + row[measure]
    chosen = sorted(totals, key=lambda key: (-totals[key], key))[:limit]
    series: dict[tuple[Any, ...] | None, list[int]] = {key: [0] * len(points) for key in chosen}
    if len(totals) > len(chosen):
        series[None] = [0] * len(points)
    place = {point: index for index, point in enumerate(points)}
    for row in rows:
        key = tuple(row[name] for name in names)
        series[key if key in series else None][place[row["time"]]] += row[measure]
    return list(series.items())
