"""The list of agents: figures from rollups, names from the metadata database."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query.app.models.actors import Agent
from query.app.queries.agents import read_agent_totals, read_last_seen
from query.app.windows import window_of
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, WORKSPACE_IDS, Api, calling, make_settings
from shared.domain import CostSource, Status
from shared.http.ranges import parse_range
from shared.ids import trace_key
from shared.rollups.queries import contribute, fold
from shared.rollups.spec import AGENT
from shared.testing.traces import insert, recently, store_trace

PATH = "/api/v1/agents"


@pytest.fixture
async def api(traces_url: str, metadata_url: str) -> AsyncIterator[Api]:
    configured = make_settings(traces_url).model_copy(update={"postgres_url": metadata_url})
    async with calling(configured) as caller:
        yield caller


async def test_an_agent_shows_its_figures_and_its_name(
    api: Api, database: asyncpg.Connection, metadata_url: str
) -> None:
    metadata = await asyncpg.connect(metadata_url)
    for workspace in (WORKSPACE, OTHER_WORKSPACE):
        row = {"workspace_id": uuid.UUID(WORKSPACE_IDS[workspace]), "name": "W"}
        await insert(metadata, "workspaces", {**row, **await _needed(metadata, row)})
        named = {"agent_id": "support", "display_name": f"Support {workspace}", "description": "Answers"}
        await insert(metadata, "agents", {"workspace_id": row["workspace_id"], **named})
    await metadata.close()
    start = recently()
    for number in range(4):
        await store_trace(
            database, WORKSPACE, f"t{number}", start_time=start - timedelta(minutes=number), agent_id="support",
            duration_us=100_000 * (number + 1), status=Status.ERROR if number == 3 else Status.SUCCESS,
            tokens_total=10, cost_nano=10**9 if number else None,
            cost_source=CostSource.EXACT if number else CostSource.UNPRICED, environment="production",
        )  # fmt: skip
    await store_trace(database, WORKSPACE, "other", agent_id="rare", environment="staging", start_time=start)
    await store_trace(database, WORKSPACE, "none")
    await store_trace(database, OTHER_WORKSPACE, "theirs", agent_id="secret")
    body = await api.read(PATH)
    support, rare = body["data"]
    Agent.model_validate(support)
    assert (support["agent_id"], support["display_name"], support["description"]) == ("support", "Support 1", "Answers")
    assert (support["trace_count"], support["error_count"], support["error_rate"]) == (4, 1, 0.25)
    assert (support["tokens_total"], support["cost_usd"], support["unpriced_count"]) == (40, 3.0, 1)
    assert support["avg_latency_ms"] == 250.0
    assert support["p95_latency_ms"] == pytest.approx(400, rel=0.02)
    assert support["last_seen"] == start.isoformat().replace("+00:00", "Z")
    assert (rare["agent_id"], rare["display_name"], rare["trace_count"]) == ("rare", None, 1)
    staging = (await api.read(PATH, {"environment": "staging"}))["data"]
    assert [agent["agent_id"] for agent in staging] == ["rare"]
    assert (await api.get(PATH, {"environmnt": "staging"})).status_code == 422


async def _needed(connection: asyncpg.Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Return values for the columns of a workspace that must have one."""
    rows = await connection.fetch(
        "select column_name, data_type from information_schema.columns"
        " where table_name = 'workspaces' and is_nullable = 'NO' and column_default is null and is_identity = 'NO'"
    )
    samples: dict[str, Any] = {"uuid": uuid.uuid4(), "text": uuid.uuid4().hex, "integer": 1}
    return {row["column_name"]: samples[row["data_type"]] for row in rows if row["column_name"] not in given}


TRACES = st.lists(
    st.tuples(
        st.integers(0, 35 * 24 * 60),
        st.sampled_from([None, "a", "b", "c"]),
        st.sampled_from([None, "prod", "dev"]),
        st.sampled_from([0, 0, 1]),
        st.booleans(),
    ),
    max_size=20,
)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    drawn=TRACES,
    asked=st.one_of(
        st.sampled_from(["15m", "1h", "24h", "7d", "30d"]),
        st.tuples(st.integers(1, 30 * 24), st.integers(1, 20 * 24)),
    ),
    environments=st.sampled_from([[], ["prod"]]),
    folded=st.booleans(),
)
async def test_figures_equal_brute_force(
    each_traces_url: str,
    drawn: list[tuple[Any, ...]],
    asked: str | tuple[int, int],
    environments: list[str],
    *,
    folded: bool,
) -> None:
    connection = await asyncpg.connect(each_traces_url)
    try:
        tables = ", ".join(AGENT.table(level) for level in AGENT.levels)
        deltas = "rollup_deltas_traces, rollup_deltas_spans"
        await connection.execute(f"truncate traces, trace_heads, spans, {deltas}, {tables}")
        now = datetime.now(UTC)
        rows: list[dict[str, Any]] = []
        for number, (age, agent, environment, status, gone) in enumerate(drawn):
            row = {
                "start_time": now - timedelta(minutes=age, seconds=1),
                "agent_id": agent,
                "environment": environment,
                "status": status,
            }
            await store_trace(connection, WORKSPACE, f"t{number}", spans=[], **row)
            if gone:
                await _delete(connection, f"t{number}")
            else:
                rows.append(row)
        if folded:
            await fold(connection)
        if isinstance(asked, str):
            window = window_of(parse_range(asked, None, None, now=now), is_open=True, now=now)
        else:
            end = now - timedelta(hours=asked[0], minutes=17)
            start = end - timedelta(hours=asked[1], minutes=23)
            found = parse_range(None, start.isoformat(), end.isoformat(), now=now)
            window = window_of(found, is_open=False, now=now)
        expected: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if (
                row["agent_id"]
                and window.start <= row["start_time"] < window.end
                and (not environments or row["environment"] in environments)
            ):
                expected.setdefault(row["agent_id"], []).append(row)
        totals = await read_agent_totals(WORKSPACE, connection, window, environments, [])
        assert {row["agent_id"]: (row["n"], row["errors"]) for row in totals} == {
            agent: (len(mine), sum(row["status"] != 0 for row in mine)) for agent, mine in expected.items()
        }
        seen = await read_last_seen(WORKSPACE, connection, list(expected), window, environments)
        assert seen == {agent: max(row["start_time"] for row in mine) for agent, mine in expected.items()}
    finally:
        await connection.close()


async def _delete(connection: asyncpg.Connection, trace_id: str) -> None:
    """Take a trace away as the platform does: out of the rollups first."""
    key = uuid.UUID(bytes=trace_key(trace_id))
    head = await connection.fetchrow("select first_start, last_start from trace_heads where trace_id = $1", key)
    assert head is not None
    await contribute(connection, [(WORKSPACE, key, head["first_start"], head["last_start"])], -1)
    await connection.execute("delete from traces where trace_id = $1", key)
