"""What the dashboards' routes take, derive and refuse; that their sums are right is held in ``tests/figures``."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from query.tests.conftest import WORKSPACE, WORKSPACE_IDS, Api, calling, headers_of, make_settings
from shared.domain import Status
from shared.testing.traces import store_trace

NANO = 1_000_000_000


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(metadata_url)
    for identifier in WORKSPACE_IDS.values():
        await connection.execute(
            "insert into workspaces (workspace_id, name, slug) values ($1, $2, $2)", uuid.UUID(identifier), identifier
        )
    yield connection
    await connection.close()


@pytest.fixture
async def costing(traces_url: str, metadata_url: str, metadata: asyncpg.Connection) -> AsyncIterator[Api]:
    async with calling(make_settings(traces_url).model_copy(update={"postgres_url": metadata_url})) as api:
        yield api


async def put(api: Api, path: str, body: Any, role: str = "admin") -> Any:
    return await api.client.put(path, json=body, headers=headers_of(WORKSPACE, role=role))


async def store_hour(
    database: asyncpg.Connection, hour: datetime, agent: str, *, traces: int, failed: int = 0, duration_ms: int = 500
) -> None:
    for number in range(traces):
        await store_trace(
            database,
            WORKSPACE,
            f"{agent}-{hour.isoformat()}-{number}",
            start_time=hour + timedelta(minutes=number % 50),
            agent_id=agent,
            duration_us=duration_ms * 1000,
            status=Status.ERROR if number < failed else Status.SUCCESS,
        )


async def test_shifts_of_error_rate_and_latency_are_alerts_and_noise_is_not(
    api: Api, database: asyncpg.Connection
) -> None:
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    shifted = this_hour - timedelta(hours=2)
    for back in range(3, 9):
        for agent in ("failing", "slow", "steady"):
            await store_hour(database, this_hour - timedelta(hours=back), agent, traces=25, failed=1)
    await store_hour(database, shifted, "failing", traces=40, failed=20)
    await store_hour(database, shifted, "slow", traces=40, failed=1, duration_ms=5000)
    await store_hour(database, shifted, "steady", traces=40, failed=3, duration_ms=550)
    await store_hour(database, shifted, "new", traces=40, failed=40)
    alerts = (await api.read("/api/v1/alerts/recent"))["data"]
    assert {(alert["type"], alert["agent_id"]) for alert in alerts} == {("error_rate", "failing"), ("latency", "slow")}
    failing = next(alert for alert in alerts if alert["agent_id"] == "failing")
    assert failing["value"] == 0.5
    assert failing["baseline"] == 0.04
    assert failing["severity"] == "critical"
    assert failing["derived"] is True
    assert datetime.fromisoformat(failing["started_at"]) == shifted
    assert failing["status"] == "resolved"
    only = (await api.read("/api/v1/alerts/recent", {"agent_id": "slow"}))["data"]
    assert [alert["type"] for alert in only] == ["latency"]
    assert len((await api.read("/api/v1/alerts/recent", {"limit": 1}))["data"]) == 1


async def test_a_budget_warns_and_is_projected(costing: Api, database: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    await store_trace(database, WORKSPACE, "today", start_time=now - timedelta(seconds=30), cost_nano=60 * NANO)
    body = (await put(costing, "/api/v1/cost/budget", {"monthly_usd": 100, "thresholds_percent": [80, 50]})).json()
    budget = body["data"]
    assert budget["spent_usd"] == pytest.approx(60)
    assert budget["remaining_usd"] == pytest.approx(40)
    assert budget["crossed_percent"] == [50]
    assert budget["state"] == "warning"
    assert budget["projected_low_usd"] <= budget["projected_usd"] <= budget["projected_high_usd"]
    assert budget["projected_usd"] >= 60
    overview = await costing.read("/api/v1/cost/overview", {"range": "1h"})
    assert overview["data"]["budget"]["thresholds_percent"] == [50, 80]
    removed = (await put(costing, "/api/v1/cost/budget", {"monthly_usd": None})).json()["data"]
    assert (removed["monthly_usd"], removed["state"], removed["thresholds_percent"]) == (None, "none", [50, 80])


async def test_a_rating_of_0_or_3_is_neither_good_nor_bad(api: Api, database: asyncpg.Connection) -> None:
    for rating in range(-1, 6):
        await database.execute(
            "insert into feedback (workspace_id, feedback_id, trace_id, rating, created_at)"
            " values ($1, gen_random_uuid(), gen_random_uuid(), $2, now() - interval '10 minutes')",
            WORKSPACE,
            rating,
        )
    overview = (await api.read("/api/v1/quality/overview"))["data"]
    assert overview["feedback"]["value"] == 7
    assert overview["positive_feedback_share"]["value"] == 0.6
    points = (await api.read("/api/v1/quality/trend"))["data"]["points"]
    assert [sum(point[f"{kind}_feedback"] for point in points) for kind in ("positive", "negative")] == [3, 2]


async def test_who_changes_the_budget_is_in_the_audit_log(costing: Api, metadata: asyncpg.Connection) -> None:
    assert (await put(costing, "/api/v1/cost/budget", {"monthly_usd": 5}, role="viewer")).status_code == 403
    assert (await put(costing, "/api/v1/cost/budget", {"monthly_usd": 5}, role="billing")).status_code == 200
    rows = await metadata.fetch("select action, result from audit_log")
    assert [(row["action"], row["result"]) for row in rows] == [("update_budget", "success")]


@pytest.mark.parametrize("body", [{"monthly_usd": -1}, {"monthly_usd": 0}, {"monthly_usd": "much"}, {}, {"limit": 1}])
async def test_budgets_that_are_none_are_refused(costing: Api, body: dict[str, Any]) -> None:
    assert (await put(costing, "/api/v1/cost/budget", body)).status_code == 422


async def test_charts_have_24_to_180_points_and_say_their_granularity(api: Api) -> None:
    for name in ("15m", "1h", "24h", "7d", "30d", "90d"):
        data = (await api.read("/api/v1/performance/throughput", {"range": name}))["data"]
        assert 24 <= len(data["points"]) <= 182, name
    hourly = (await api.read("/api/v1/usage/calls-over-time", {"range": "7d", "granularity": "hourly"}))["data"]
    assert hourly["granularity"] == "1h"
    assert len(hourly["times"]) in (168, 169)


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"range": "7d", "granularity": "1m"}, "granularity"),
        ({"range": "24h", "granularity": "30s"}, "granularity"),
        ({"granularity": "fortnight"}, "granularity"),
        ({"range": "10y"}, "range"),
        ({"from": "2015-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"agent": "x"}, "agent"),
    ],
)
async def test_S55_what_no_chart_shows_is_refused(api: Api, params: dict[str, str], field: str) -> None:
    answer = await api.get("/api/v1/performance/latency", params)
    assert answer.status_code == 422
    assert field in {detail["field"] for detail in answer.json()["error"]["details"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"measures": ["users"], "dimensions": ["agent"]}, "measures"),
        ({"measures": ["requests"], "order": "cost_usd"}, "order"),
        ({"measures": ["requests"], "granularity": "1h"}, "granularity"),
        ({"measures": ["requests"], "filters": {"status": ["fine"]}}, "filters.status"),
        ({"measures": ["drop table spans"]}, "measures.0"),
        ({"measures": ["requests"], "dimensions": ["time; select 1"]}, "dimensions.0"),
        ({"measures": ["requests"], "limit": 10**9}, "limit"),
        ({"measures": ["requests"], "filters": {"agent": ["a\x00b"]}}, "filters.agent.0"),
    ],
)
async def test_S42_free_queries_take_names_from_a_list(api: Api, body: dict[str, Any], field: str) -> None:
    answer = await api.client.post("/api/v1/metrics/query", json=body, headers=headers_of(WORKSPACE))
    assert answer.status_code == 422, answer.text
    assert field in {detail["field"] for detail in answer.json()["error"]["details"]}


async def test_values_of_filters_are_bound(api: Api, database: asyncpg.Connection) -> None:
    hostile = "'; drop table traces; -- %s $1"
    await store_trace(database, WORKSPACE, "hostile", agent_id=hostile)
    data = (await api.read("/api/v1/metrics/home-kpis", {"agent_id": hostile}))["data"]
    assert data["requests"]["value"] == 1
    body = {"measures": ["requests"], "dimensions": ["agent"], "filters": {"agent": [hostile]}}
    answer = await api.client.post("/api/v1/metrics/query", json=body, headers=headers_of(WORKSPACE))
    assert answer.json()["data"]["rows"] == [{"agent": hostile, "requests": 1}]


async def test_activity_is_newest_first(api: Api, database: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    for number in range(3):
        await store_trace(database, WORKSPACE, f"t{number}", start_time=now - timedelta(minutes=number + 1))
    data = (await api.read("/api/v1/activity/stream", {"limit": 2}))["data"]
    assert [item["trace_id"] for item in data] == ["t0", "t1"]
