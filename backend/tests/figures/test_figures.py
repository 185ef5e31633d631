"""Every figure of the dashboards equals a brute-force answer over the raw rows, whatever arrived in whatever order."""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processing.tests.jobs_support import add_workspace
from processing.tests.support import WORKSPACE, Bench, open_bench, settings_for
from shared.database import Pool, create_pool
from shared.domain import CostSource, Status
from tests.figures import checks, row_checks
from tests.figures import oracle as o
from tests.figures.asking import COMPARED, NOT_COMPARED, Asking, asking
from tests.figures.history import History, fold_some
from tests.figures.oracle import Oracle
from tests.figures.traffic import Traffic
from tests.route_entries import ENTRIES

SEEDS = [int(seed) for seed in os.environ.get("FIGURES_SEEDS", "1,2").split(",")]
TRACES = 60
_SPAN_DIMENSIONS = {
    "model": "model",
    "provider": "model_provider",
    "kind": "kind",
    "tool": "tool_name",
    "status": "status",
    "agent": "agent_id",
    "environment": "environment",
    "release": "release",
}
_TRACE_DIMENSIONS = {name: _SPAN_DIMENSIONS[name] for name in ("agent", "status", "environment", "release")}
_MEASURES = ["requests", "errors", "cost_usd", "tokens_total", "latency_p95"]


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=3)
    await add_workspace(pool)
    yield pool
    await pool.close()


@dataclass
class Stored:
    """The raw rows of the workspace."""

    traces: Sequence[Mapping[str, Any]]
    spans: Sequence[Mapping[str, Any]]
    said: Mapping[str, Sequence[Mapping[str, Any]]]

    @classmethod
    async def read(cls, bench: Bench) -> "Stored":
        traces = await bench.pool.fetch("select * from traces where workspace_id = $1", WORKSPACE)
        spans = await bench.pool.fetch(
            "select *, normalise_error(error_message) as normalised from spans where workspace_id = $1", WORKSPACE
        )
        said = {name: await bench.rows(name) for name in ("scores", "feedback", "outcomes")}
        return cls([dict(row) for row in traces], [dict(row) for row in spans], said)

    @property
    def every(self) -> Oracle:
        """Return all rows."""
        return Oracle(self.traces, self.spans, datetime.min.replace(tzinfo=UTC), None, {})

    def oracle(self, start: datetime, end: datetime | None, filters: Mapping[str, str]) -> Oracle:
        return Oracle(self.traces, self.spans, start, end, filters)


async def check_everything(ask: Asking, stored: Stored, params: Mapping[str, Any]) -> None:
    filters = {name: params[name] for name in ("environment", "agent_id") if name in params}
    kpis = await ask.get("metrics/home-kpis", params)
    start, end = datetime.fromisoformat(kpis["from"]), datetime.fromisoformat(kpis["to"])
    now = stored.oracle(start, end if "to" in params else None, filters)
    before = stored.oracle(_earlier(start, end), start, filters)
    checks.home(kpis, now, before)
    for name, length in (("hourly", timedelta(hours=1)), ("daily", timedelta(days=1))):
        checks.aggregations(await ask.get("metrics/aggregations", {**params, "type": name}), now, length)
    checks.usage(await ask.get("usage/overview", params), now, before)
    checks.calls_over_time(await ask.get("usage/calls-over-time", params), now)
    checks.agents(await ask.get("usage/agent-distribution", params), now)
    if "agent_id" not in params:
        checks.top_users(await ask.get("usage/top-users", params), now, before)
    checks.costs(await ask.get("cost/overview", params), now, before)
    checks.by_model(await ask.get("cost/by-model", params), now)
    checks.trend(await ask.get("cost/trend", params), now)
    if "agent_id" not in params:
        checks.performance(await ask.get("performance/overview", params), now, before)
        checks.models(await ask.get("analytics/models", params), now)
    checks.latency_over_time(await ask.get("performance/latency", params), now)
    checks.throughput(await ask.get("performance/throughput", params), now)
    checks.error_groups(await ask.get("performance/errors", {**params, "limit": 100}), now)
    of_agents = "agent_id" in params
    row_checks.cost_by(await ask.get("analytics/costs", params), now)
    row_checks.speed_by(await ask.get("analytics/performance", params), now, of_agents=of_agents)
    quality = await ask.get("analytics/quality", params)
    row_checks.reliability(quality, now, before)
    for answer in (quality, await ask.get("quality/overview", params)):
        row_checks.judgements(answer, stored.said, start, end)
    row_checks.said_over_time(await ask.get("quality/trend", params), stored.said["feedback"])
    row_checks.agents(await ask.get("agents", params), now)
    if not filters:
        await check_free_queries(ask, stored, params, now)
    window = stored.oracle(start, end if "to" in params else None, {})
    for path, name in (("sessions", "session_id"), ("users", "user_id")):
        row_checks.actors(await ask.pages(path, params), now, window, name)


async def check_rows(ask: Asking, stored: Stored) -> None:
    """Check what is said of single traces, sessions and users, and of the present."""
    every, a_month = stored.every, {"range": "30d"}
    row_checks.traces(await ask.pages("traces", a_month), every.traces)
    failing = {"field": "status", "op": "eq", "value": "error"}
    found = await ask.post("traces/search", {**a_month, "filter": failing, "limit": 200})
    row_checks.traces(found, [row for row in every.traces if row["status"] == Status.ERROR])
    names = "status,agent_id,environment,user_id,session_id,release,model"
    row_checks.facets(await ask.get("traces/facets", {**a_month, "facets": names, "limit": 50}), every)
    row_checks.activity(await ask.get("activity/stream", {"limit": 20}), every, 20)
    row_checks.budget(await ask.get("cost/budget"), every, datetime.now(UTC))
    spans = o.split(every.spans, lambda row: row["trace_id"])
    for row in every.traces[::9]:
        mine, trace_id = spans[row["trace_id"]], row["trace_id"].hex
        answer = await ask.get("traces/{trace_id}", trace_id=trace_id)
        row_checks.trace(answer, row)
        row_checks.spans(answer["spans"], mine)
        row_checks.spans(await ask.get("traces/{trace_id}/spans", trace_id=trace_id), mine)
        row_checks.graph(await ask.get("traces/{trace_id}/graph", trace_id=trace_id), mine)
        one = format(mine[0]["span_id"], "016x")
        answer = await ask.get("traces/{trace_id}/spans/{span_id}", trace_id=trace_id, span_id=one)
        row_checks.spans([answer], mine[:1])
    for session, rows in o.split(every.traces, lambda row: row["session_id"]).items():
        if session:
            answer = await ask.get("sessions/{session_id}", session_id=session)
            row_checks.session(answer, rows, stored.said["scores"])
    for user, rows in o.split(every.traces, lambda row: row["user_id"]).items():
        if user:
            row_checks.user(await ask.get("users/{user_id}", user_id=user), rows)


def check_raw_rows(history: History, stored: Stored) -> None:
    """Check that the raw rows are those of everything that came and was not deleted since, at the last prices."""
    keys: dict[bytes, set[int]] = {}
    for span in stored.spans:
        keys.setdefault(span["trace_id"].bytes, set()).add(span["span_id"])
    assert keys == history.spans
    for name, expected in history.records.items():
        assert Counter(row["trace_id"].bytes for row in stored.said[name]) == {k: n for k, n in expected.items() if n}
    spans = o.split(stored.spans, lambda row: row["trace_id"])
    assert {row["trace_id"] for row in stored.traces} == set(spans)
    for trace in stored.traces:
        mine = spans[trace["trace_id"]]
        assert trace["span_count"] == len(mine)
        assert trace["error_count"] == o.errors(mine)
        assert trace["start_time"] == min(row["start_time"] for row in mine)
        checks.same("cost of a trace", o.cost([trace]), o.cost(mine))
        assert o.tokens([trace]) == o.tokens(mine)
    priced = 0
    for span in stored.spans:
        price = history.prices.get(span["model"])
        if price is None or span["tokens_input"] is None:
            continue
        is_own = price.since is None or span["start_time"] >= price.since
        assert (span["cost_source"] == CostSource.OVERRIDE) == is_own
        if is_own:
            priced += 1
            assert span["cost_nano"] == price.cost(span["tokens_input"], span["tokens_output"])
    assert priced > 10


async def check_free_queries(ask: Asking, stored: Stored, params: Mapping[str, Any], now: Oracle) -> None:
    pick = random.Random(7)
    for known, of_spans in ((_TRACE_DIMENSIONS, False), (_SPAN_DIMENSIONS, True)):
        for _ in range(4):
            names = pick.sample(sorted(known), pick.randint(1, 3))
            if of_spans and not {"model", "provider", "kind", "tool"} & set(names):
                names.append("kind")
            answer = await ask.post(
                "metrics/query", {**params, "measures": _MEASURES, "dimensions": names, "limit": 5000}
            )
            checks.free_query(answer, now, {name: known[name] for name in names}, of_spans=of_spans)
    answer = await ask.post(
        "metrics/query", {**params, "measures": ["users", "sessions", "requests"], "dimensions": ["environment"]}
    )
    for row in answer["rows"]:
        rows = [trace for trace in now.traces if trace["environment"] == row["environment"]]
        assert row["users"] == len({trace["user_id"] for trace in rows} - {None})
        assert row["sessions"] == len({trace["session_id"] for trace in rows} - {None})


def _earlier(start: datetime, end: datetime) -> datetime:
    earlier = start - (end - start)
    seconds = 3600 if earlier < datetime.now(UTC) - timedelta(days=3) else 30
    origin = datetime(2001, 1, 1, tzinfo=UTC)
    return origin + (earlier - origin) // timedelta(seconds=seconds) * timedelta(seconds=seconds)


def ranges(seed: int) -> list[dict[str, Any]]:
    pick = random.Random(seed)
    now = datetime.now(UTC)
    closed = {
        "from": (now - timedelta(seconds=pick.randrange(150_000, 600_000))).isoformat(),
        "to": (now - timedelta(seconds=pick.randrange(100, 140_000))).isoformat(),
    }
    return [
        {"range": "1h"},
        {"range": "24h"},
        {"range": "30d"},
        closed,
        {"range": "7d", "environment": "production"},
        {"range": "7d", "agent_id": "support"},
    ]


def test_every_route_is_compared_or_says_why_not() -> None:
    prefix = "/api/v1/"
    routes = {
        f"{method} {path.removeprefix(prefix)}"
        for service, method, path in ENTRIES
        if service == "query" and path.startswith(prefix)
    }
    assert COMPARED | NOT_COMPARED.keys() == routes
    assert not COMPARED & NOT_COMPARED.keys()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(240)
async def test_every_figure_equals_the_raw_rows(
    each_traces_url: str, metadata_url: str, metadata: Pool, redis_url: str, seed: int
) -> None:
    async with open_bench(settings_for(each_traces_url, metadata_url, redis_url)) as bench:
        try:
            history = History(bench, metadata, Traffic(seed, TRACES))
            await history.live()
            stored = await Stored.read(bench)
            # The test says something only if traces were deleted for good and others came back.
            assert history.gone
            assert history.returned
            check_raw_rows(history, stored)
            async with asking(each_traces_url, metadata_url) as ask:
                for params in ranges(seed):
                    await check_everything(ask, stored, params)
                await check_rows(ask, stored)
                for trace_id in history.gone:
                    assert (await ask.answer("traces/{trace_id}", trace_id=trace_id.hex())).status_code == 404
                # Folded or not, the answers are the same.
                await fold_some(bench, 1_000_000)
                for params in ranges(seed + 100)[::2]:
                    await check_everything(ask, stored, params)
                assert ask.asked == COMPARED
        finally:
            # Prices outlive a test on the one TimescaleDB there is.
            await bench.pool.execute("delete from price_versions where workspace_id is not null")
