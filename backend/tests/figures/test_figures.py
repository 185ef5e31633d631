"""Every figure of the dashboards equals a brute-force answer over the raw rows, whatever arrived in whatever order."""

import asyncio
import os
import random
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from processing.tests.support import WORKSPACE, WORKSPACE_ID, Bench, open_bench, settings_for
from query.tests.conftest import INTERNAL_SECRET, Api, calling, make_settings
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer
from shared.rollups.queries import fold
from tests.figures import checks
from tests.figures.oracle import Oracle
from tests.figures.traffic import Traffic

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


@dataclass
class Asking:
    """Asks the service in the name of the workspace whose rows are stored."""

    api: Api
    headers: Mapping[str, str]

    async def get(self, path: str, params: Mapping[str, Any]) -> Any:
        """Return the data of an answer."""
        answer = await self.api.client.get(f"/api/v1/{path}", params=dict(params), headers=dict(self.headers))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def query(self, body: Mapping[str, Any]) -> Any:
        """Return the data of a free query."""
        answer = await self.api.client.post("/api/v1/metrics/query", json=dict(body), headers=dict(self.headers))
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@asynccontextmanager
async def asking(traces_url: str, metadata_url: str) -> AsyncIterator[Asking]:
    context = AuthContext(WORKSPACE_ID, WORKSPACE, "user", str(uuid.uuid4()), role="owner")
    token = InternalTokenIssuer(INTERNAL_SECRET).issue(context, "query")
    settings = make_settings(traces_url).model_copy(update={"postgres_url": metadata_url, "query_cache": "off"})
    async with calling(settings) as api:
        yield Asking(api, {TOKEN_HEADER: token, WORKSPACE_HEADER: WORKSPACE_ID})


@pytest.fixture
async def workspace(metadata_url: str) -> str:
    connection = await asyncpg.connect(metadata_url)
    await connection.execute(
        "insert into workspaces (workspace_id, name, slug) values ($1, 'figures', 'figures')", uuid.UUID(WORKSPACE_ID)
    )
    await connection.close()
    return metadata_url


@dataclass
class Stored:
    """The raw rows of the workspace."""

    traces: Sequence[Mapping[str, Any]]
    spans: Sequence[Mapping[str, Any]]

    @classmethod
    async def read(cls, bench: Bench) -> "Stored":
        traces = await bench.pool.fetch("select * from traces where workspace_id = $1", WORKSPACE)
        spans = await bench.pool.fetch(
            "select *, normalise_error(error_message) as normalised from spans where workspace_id = $1", WORKSPACE
        )
        return cls([dict(row) for row in traces], [dict(row) for row in spans])

    def oracle(self, start: datetime, end: datetime | None, filters: Mapping[str, str]) -> Oracle:
        return Oracle(self.traces, self.spans, start, end, filters)


async def store(bench: Bench, traffic: Traffic) -> None:
    """Store everything while a worker works and deltas are folded at moments of chance."""
    pick = random.Random(traffic.random.random())
    async with bench.worker(processing_batch_entries=5):
        for body in traffic.requests():
            await bench.send(body)
            if pick.random() < 0.2:
                await asyncio.sleep(0.05)
                await fold_some(bench, pick.choice((1, 7, 10_000)))
        await bench.drain(60)


async def fold_some(bench: Bench, limit: int) -> None:
    async with bench.pool.acquire() as connection:
        await fold(connection, limit)


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
    if not filters:
        await check_free_queries(ask, stored, params, now)


async def check_free_queries(ask: Asking, stored: Stored, params: Mapping[str, Any], now: Oracle) -> None:
    pick = random.Random(7)
    for known, of_spans in ((_TRACE_DIMENSIONS, False), (_SPAN_DIMENSIONS, True)):
        for _ in range(4):
            names = pick.sample(sorted(known), pick.randint(1, 3))
            if of_spans and not {"model", "provider", "kind", "tool"} & set(names):
                names.append("kind")
            answer = await ask.query({**params, "measures": _MEASURES, "dimensions": names, "limit": 5000})
            checks.free_query(answer, now, {name: known[name] for name in names}, of_spans=of_spans)
    answer = await ask.query({**params, "measures": ["users", "sessions", "requests"], "dimensions": ["environment"]})
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


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(240)
async def test_every_figure_equals_the_raw_rows(
    each_traces_url: str, workspace: str, redis_url: str, seed: int
) -> None:
    async with open_bench(settings_for(each_traces_url, workspace, redis_url)) as bench:
        await store(bench, Traffic(seed, TRACES))
        stored = await Stored.read(bench)
        assert len(stored.traces) == TRACES
        async with asking(each_traces_url, workspace) as ask:
            for params in ranges(seed):
                await check_everything(ask, stored, params)
            # Folded or not, the answers are the same.
            await fold_some(bench, 1_000_000)
            for params in ranges(seed + 100):
                await check_everything(ask, stored, params)
