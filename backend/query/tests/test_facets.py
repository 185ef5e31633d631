"""Values of traces with counts: exact for as many as are looked at, marked as estimated beyond."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import asyncpg

from query.app.fields import FACETS
from query.app.filters import TraceFilter
from query.app.queries.facets import count_facets
from query.tests.conftest import WORKSPACE, Api
from shared.domain import CostSource, SpanKind, Status
from shared.testing.traces import recently, store_trace

PATH = "/api/v1/traces/facets"
_COLUMNS = {
    "model": "models",
    "provider": "providers",
    "service": "services",
    "tool_name": "tools",
    "kind": "kinds",
}


def make_traces(count: int) -> list[dict[str, Any]]:
    """Return columns of traces, the first one newest."""
    rng = random.Random(11)
    return [
        {
            "status": rng.choice(list(Status)),
            "agent_id": rng.choice(["a", "b", "c", None]),
            "models": rng.choice([["m1"], ["m1", "m2"], None]),
            "providers": rng.choice([["p1"], None]),
            "environment": rng.choice(["production", "staging", None]),
            "release": rng.choice(["1", "2", None]),
            "tags": rng.choice([["x"], ["x", "y"], []]),
            "user_id": rng.choice(["u1", "u2", None]),
            "session_id": rng.choice(["s1", "s2", "s3", None]),
            "services": rng.choice([["web"], ["web", "db"], None]),
            "tools": rng.choice([["search"], None]),
            "kinds": rng.choice([[SpanKind.LLM], [SpanKind.LLM, SpanKind.TOOL]]),
            "cost_source": rng.choice(list(CostSource)),
            "error_type": rng.choice(["TimeoutError", None]),
        }
        for _ in range(count)
    ]


async def store(database: asyncpg.Connection, traces: list[dict[str, Any]]) -> datetime:
    """Store traces a minute apart, and return when the newest of them began."""
    start = recently() - timedelta(minutes=30)
    for number, trace in enumerate(traces):
        await store_trace(database, WORKSPACE, f"t{number}", start_time=start - timedelta(minutes=number), **trace)
    return start


def expected(traces: list[dict[str, Any]], facet: str) -> list[tuple[str, int]]:
    """Return values with counts, the most frequent first, ties by their names as they are stored."""
    counts: Counter[Any] = Counter()
    for trace in traces:
        value = trace[_COLUMNS.get(facet, facet)]
        counts.update(value if isinstance(value, list) else [] if value is None else [value])
    words = [(_stored(value), _shown(value), count) for value, count in counts.items()]
    return [(shown, count) for _, shown, count in sorted(words, key=lambda item: (-item[2], item[0]))]


def _stored(value: Any) -> str:
    return str(int(value) if hasattr(value, "word") else value)


def _shown(value: Any) -> str:
    return str(value.word if hasattr(value, "word") else value)


async def test_every_facet_counts_what_brute_force_counts(api: Api, database: asyncpg.Connection) -> None:
    traces = make_traces(60)
    await store(database, traces)
    data = (await api.read(PATH, {"limit": 100}))["data"]
    assert data["sample"]["traces"] == 60
    assert data["sample"]["complete"] is True
    found = {facet["name"]: facet for facet in data["facets"]}
    assert set(found) == set(FACETS)
    for name, facet in found.items():
        assert [(item["value"], item["count"]) for item in facet["values"]] == expected(traces, name), name
        assert facet["estimated"] is False, name
    some = (await api.read(PATH, {"agent_id": "a", "facets": "tags,status"}))["data"]["facets"]
    mine = [trace for trace in traces if trace["agent_id"] == "a"]
    assert [[(item["value"], item["count"]) for item in facet["values"]] for facet in some] == [
        expected(mine, "tags"),
        expected(mine, "status"),
    ]


async def test_a_histogram_tells_when_the_traces_of_a_filter_began(api: Api, database: asyncpg.Connection) -> None:
    traces = make_traces(60)
    start = await store(database, traces)
    of_a = [trace if trace["agent_id"] == "a" else None for trace in traces]
    histogram = (await api.read(PATH, {"agent_id": "a", "facets": "status"}))["data"]["histogram"]
    assert histogram["granularity"] == "10m"
    points = [{**point, "time": datetime.fromisoformat(point["time"])} for point in histogram["points"]]
    assert len(points) >= 24 * 6
    assert all(later["time"] - point["time"] == timedelta(minutes=10) for point, later in pairwise(points))
    assert _outcomes(points) == _expected_outcomes(of_a, start, timedelta(minutes=10))
    assert (await api.read(PATH, {"trace_id": "t1"}))["data"]["histogram"] is None


def _outcomes(points: list[dict[str, Any]]) -> dict[datetime, Counter[str]]:
    """Return the counts of the buckets that have any."""
    counts = {
        point["time"]: Counter({word: point[word] for word in ("success", "error", "timeout")}) for point in points
    }
    return {time: +outcomes for time, outcomes in counts.items() if outcomes.total()}


def _expected_outcomes(
    traces: Sequence[dict[str, Any] | None], start: datetime, length: timedelta
) -> dict[datetime, Counter[str]]:
    """Return what brute force counts of traces a minute apart; None stands for a trace that is not asked for."""
    found: dict[datetime, Counter[str]] = {}
    for number, trace in enumerate(traces):
        began = start - timedelta(minutes=number)
        if trace is not None:
            bucket = began - (began - datetime(2024, 1, 1, tzinfo=UTC)) % length
            found.setdefault(bucket, Counter())[trace["status"].word] += 1
    return found


async def test_beyond_the_traces_looked_at_rollups_tell_some_and_the_newest_the_rest(
    database: asyncpg.Connection,
) -> None:
    traces = make_traces(60)
    start = await store(database, traces)
    now = datetime.now(UTC)
    whole = TraceFilter(now - timedelta(hours=24), now + timedelta(hours=1))
    counted: Any = await count_facets(WORKSPACE, database, whole, FACETS, 100, most=20)
    facets, sample, histogram = counted["facets"], counted["sample"], counted["histogram"]
    assert sample["traces"] == 21
    assert sample["complete"] is False
    for facet in facets:
        name = str(facet["name"])
        of_all = name in ("status", "agent_id", "environment", "release")
        values: Any = facet["values"]
        found = [(item["value"], item["count"]) for item in values]
        assert sorted(found) == sorted(expected(traces if of_all else traces[:21], name)), name
        assert facet["estimated"] is True, name
    shown = {point["time"] for point in histogram["points"]}
    assert all(time > sample["since"] for time in shown)
    assert _outcomes(histogram["points"]) == {
        time: counts
        for time, counts in _expected_outcomes(traces[:21], start, timedelta(minutes=10)).items()
        if time in shown
    }
