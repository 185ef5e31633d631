"""The home page: key figures, what happens, and what stands out."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from query.app.asked import Asked
from query.app.dashboards.common import LATENCY, traces_ask
from query.app.figures import (
    aligned,
    by_period,
    compared,
    cost,
    error_rate,
    latency,
    mean_ms,
    named,
    percentiles_ms,
    ratio,
    rounded,
)
from query.app.presentation import Row, dollars, milliseconds
from query.app.queries import activity
from query.app.queries.rollups import Ask, read_totals
from query.app.windows import Granularity, Window
from shared.database import Connection
from shared.domain import Status
from shared.ids import trace_hex
from shared.rollups.spec import AGENT, Level

_KPIS = (*LATENCY, "cost_nano")
_AGGREGATED = (*LATENCY, "timeouts", "tokens_input", "tokens_output", "tokens_total", "cost_nano", "llm_calls")
_HOUR = timedelta(hours=1)
_ALERT_HOURS = 24
_BASELINE_HOURS = 24
_FEWEST_TRACES = 20
# Shifts smaller than these are seen every day.
_RATE_FACTOR, _RATE_STEP, _RATE_DEVIATIONS = 2.0, 0.05, 3.0
_LATENCY_FACTOR, _LATENCY_STEP_MS = 1.5, 100.0
_CRITICAL_FACTOR = 2.0


async def home_kpis(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return the key figures of a window, what they were in the one before, and how they went."""
    totals = await read_totals(workspace, connection, traces_ask(asked, _KPIS, compared=asked.previous, hist=True))
    current, previous = (_kpis(row) for row in by_period(totals))
    quality = await activity.read_quality(workspace, connection, asked.window, asked.previous)
    current["quality_score"], previous["quality_score"] = quality
    granularity = asked.granularity()
    rows = await read_totals(workspace, connection, traces_ask(asked, _KPIS, granularity=granularity, hist=True))
    trend = [{"time": point, **_kpis(row)} for point, row in aligned(asked.window, granularity, rows)]
    return {
        **asked.bounds,
        "granularity": granularity.name,
        **{name: compared(current[name], previous[name]) for name in current},
        "trend": trend,
    }


def _kpis(row: Mapping[str, Any] | None) -> dict[str, float | None]:
    if row is None:
        return {"requests": 0, "avg_latency_ms": None, "p95_latency_ms": None, "error_rate": None, "cost_usd": 0.0}
    (p95,) = percentiles_ms(row, (0.95,))
    return {
        "requests": row["n"],
        "avg_latency_ms": mean_ms(row),
        "p95_latency_ms": p95,
        "error_rate": error_rate(row),
        "cost_usd": cost(row),
    }


async def activity_stream(
    workspace: int, connection: Connection, limit: int, filters: Mapping[str, Sequence[str]]
) -> list[dict[str, object]]:
    """Return the traces that started last."""
    rows = await activity.read_latest(workspace, connection, limit, filters)
    return [
        {
            "type": "trace",
            "trace_id": row["external_id"] or trace_hex(row["trace_id"].bytes),
            "time": row["start_time"],
            "name": row["name"],
            "agent_id": row["agent_id"],
            "user_id": row["user_id"],
            "session_id": row["session_id"],
            "environment": row["environment"],
            "status": Status(row["status"]).word,
            "duration_ms": milliseconds(row["duration_us"]),
            "cost_usd": dollars(row["cost_nano"]),
            "tokens_total": row["tokens_total"],
            "models": row["models"] or [],
            "input_preview": row["input_preview"],
            "error_message": row["error_message"],
        }
        for row in rows
    ]


async def recent_alerts(
    workspace: int, connection: Connection, now: datetime, limit: int, filters: Mapping[str, list[str]]
) -> list[dict[str, object]]:
    """Return the hours of the last day in which an agent failed more or was slower than in the day before them.

    A rise of the error rate counts when it is at least twofold, at least five points and three standard deviations of a
    proportion (two-proportion z-test); one of the 95th percentile when it is at least half and 100 ms more.
    """
    # Whole hours, since the tables of agents have no part of one.
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    start = this_hour - _HOUR * (_ALERT_HOURS + _BASELINE_HOURS)
    window = Window(start, this_hour + 2 * _HOUR, now, is_open=True)
    hourly = Granularity("1h", Level.HOUR.length)
    ask = Ask(AGENT, window, LATENCY, ("agent_id",), hourly, None, filters, hist=True)
    agents: dict[str, dict[datetime, Row]] = {}
    for row in await read_totals(workspace, connection, ask):
        agents.setdefault(row["agent_id"], {})[row["time"]] = row
    alerts = []
    for agent, hours in agents.items():
        usual = _Usual()
        for back in range(_ALERT_HOURS + _BASELINE_HOURS, -2, -1):
            hour = this_hour - _HOUR * back
            current = hours.get(hour)
            if current is not None and hour > now - _HOUR * (_ALERT_HOURS + 1) and current["n"] >= _FEWEST_TRACES:
                alerts += _shifts(agent, hour, current, usual.figures(), now)
            usual.add(current, 1)
            usual.add(hours.get(hour - _HOUR * _BASELINE_HOURS), -1)
    alerts.sort(key=lambda alert: (alert["started_at"], alert["severity"] == "critical", alert["id"]), reverse=True)
    return alerts[:limit]


class _Usual:
    """The sums of the hours before one."""

    def __init__(self) -> None:
        self._n = self._errors = 0
        self._bins: dict[int, int] = {}

    def add(self, row: Row | None, sign: int) -> None:
        """Take in an hour, or with -1 leave it out again."""
        if row is None:
            return
        self._n += sign * row["n"]
        self._errors += sign * row["errors"]
        bins = self._bins
        for item in row["hist"] or ():
            number = (item + (1 << 39)) >> 40
            bins[number] = bins.get(number, 0) + sign * (item - (number << 40))

    def figures(self) -> dict[str, Any]:
        """Return the sums as a row has them."""
        hist = [(number << 40) + count for number, count in self._bins.items() if count]
        return {"n": self._n, "errors": self._errors, "hist": hist}


def _shifts(agent: str, hour: datetime, row: Row, base: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    if base["n"] < _FEWEST_TRACES:
        return []
    found = []
    rate, usual = row["errors"] / row["n"], base["errors"] / base["n"]
    pooled = (row["errors"] + base["errors"]) / (row["n"] + base["n"])
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / row["n"] + 1 / base["n"]))
    rises = rate >= usual * _RATE_FACTOR and rate - usual >= _RATE_STEP
    if rises and rate - usual >= _RATE_DEVIATIONS * deviation:
        words = f"{rate:.1%} of {row['n']} traces failed; {usual:.1%} in the day before"
        is_critical = rate >= 2 * _RATE_STEP + usual * _CRITICAL_FACTOR
        found.append(_alert("error_rate", agent, hour, now, rounded(rate, 4), rounded(usual, 4), words, is_critical))
    (p95,), (usual_p95,) = percentiles_ms(row, (0.95,)), percentiles_ms(base, (0.95,))
    if p95 is None or usual_p95 is None:
        return found
    if p95 - usual_p95 >= _LATENCY_STEP_MS and p95 >= usual_p95 * _LATENCY_FACTOR:
        words = f"95 % of traces took up to {p95:.0f} ms; {usual_p95:.0f} ms in the day before"
        is_critical = p95 >= usual_p95 * _LATENCY_FACTOR * _CRITICAL_FACTOR
        found.append(_alert("latency", agent, hour, now, p95, usual_p95, words, is_critical))
    return found


def _alert(
    kind: str,
    agent: str,
    hour: datetime,
    now: datetime,
    value: float | None,
    usual: float | None,
    words: str,
    is_critical: bool,
) -> dict[str, Any]:
    return {
        "id": f"{kind}:{agent}:{hour.isoformat()}",
        "type": kind,
        "severity": "critical" if is_critical else "warning",
        "status": "active" if hour + _HOUR > now else "resolved",
        "agent_id": named(agent),
        "title": f"{'Error rate' if kind == 'error_rate' else 'Latency'} of {agent or 'traces without agent'} rose",
        "message": words,
        "value": value,
        "baseline": usual,
        "started_at": hour,
        "ended_at": hour + _HOUR if hour + _HOUR <= now else None,
        "derived": True,
    }


async def aggregations(workspace: int, connection: Connection, asked: Asked) -> list[dict[str, object]]:
    """Return the figures of every hour or day, those without traces too."""
    hourly = asked.parameters["type"] == "hourly"
    granularity = Granularity("1h", Level.HOUR.length) if hourly else Granularity("1d", Level.DAY.length)
    ask = traces_ask(asked, _AGGREGATED, granularity=granularity, hist=True)
    rows = await read_totals(workspace, connection, ask)
    return [_aggregation(point, row) for point, row in aligned(asked.window, granularity, rows)]


_EMPTY = {**dict.fromkeys(("n", *_AGGREGATED), 0), "hist": None}


def _aggregation(point: datetime, found: Row | None) -> dict[str, object]:
    row: Mapping[str, Any] = found or _EMPTY
    return {
        "time": point,
        "requests": row["n"],
        "errors": row["errors"],
        "timeouts": row["timeouts"],
        "error_rate": error_rate(row),
        **latency(row),
        "llm_calls": row["llm_calls"],
        "tokens_input": row["tokens_input"],
        "tokens_output": row["tokens_output"],
        "tokens_total": row["tokens_total"],
        "cost_usd": cost(row),
        "cost_per_request_usd": rounded(ratio(cost(row), row["n"]), 9),
    }
