"""The list of traces: fields, filters, ranges, pages."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from query.app.models.traces import Trace
from query.app.presentation import TRACE_FIELDS
from query.tests.conftest import WORKSPACE, Api
from shared.domain import CostSource, SpanKind, Status
from shared.testing.traces import insert, recently, store_score, store_trace

PATH = "/api/v1/traces"


async def test_a_trace_shows_every_field_of_the_contract(api: Api, database: asyncpg.Connection) -> None:
    start = recently()
    await store_trace(
        database,
        WORKSPACE,
        "4bf92f3577b34da6a3ce929d0e0e4736",
        start_time=start,
        name="invoke_agent support",
        agent_id="support",
        session_id="s-1",
        user_id="u-1",
        status=Status.ERROR,
        duration_us=1_234_567,
        llm_call_count=2,
        tool_call_count=1,
        error_count=1,
        tokens_input=900,
        tokens_output=100,
        tokens_total=1000,
        tokens_cached=300,
        tokens_reasoning=20,
        cost_nano=12_345_678,
        cost_source=CostSource.PARTIAL,
        models=["gpt-4o"],
        providers=["openai"],
        environment="production",
        release="1.2.3",
        tags=["beta"],
        metadata={"plan": "pro", "big": 2**60},
        input_preview="hello",
        output_preview="hi",
        error_type="ToolError",
        error_message="no such tool",
    )
    await store_score(database, WORKSPACE, "4bf92f3577b34da6a3ce929d0e0e4736", "helpful", 0.5)
    body = await api.read(PATH)
    (trace,) = body["data"]
    assert trace == {
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "name": "invoke_agent support",
        "agent_id": "support",
        "session_id": "s-1",
        "user_id": "u-1",
        "status": "error",
        "start_time": start.isoformat().replace("+00:00", "Z"),
        "duration_ms": 1234.567,
        "span_count": 1,
        "llm_call_count": 2,
        "tool_call_count": 1,
        "error_count": 1,
        "tokens_input": 900,
        "tokens_output": 100,
        "tokens_total": 1000,
        "tokens_cached": 300,
        "tokens_reasoning": 20,
        "cost_usd": 0.012345678,
        "cost_source": "partial",
        "models": ["gpt-4o"],
        "providers": ["openai"],
        "environment": "production",
        "release": "1.2.3",
        "tags": ["beta"],
        "metadata": {"plan": "pro", "big": str(2**60)},
        "input_preview": "hello",
        "output_preview": "hi",
        "error": {"type": "ToolError", "message": "no such tool"},
        "scores": {"helpful": 0.5},
    }
    assert set(trace) == set(TRACE_FIELDS) == set(Trace.model_fields)
    assert body["status"] == "success"
    assert body["pagination"] == {"cursor": None, "has_more": False, "limit": 50}
    assert set(body["meta"]) == {"timestamp", "execution_time_ms", "cached", "version", "request_id"}


async def test_a_trace_that_says_nothing_shows_nulls_and_empty_lists(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, WORKSPACE, "a" * 32)
    (trace,) = (await api.read(PATH))["data"]
    assert trace["cost_usd"] is None
    assert trace["cost_source"] == "unpriced"
    assert (trace["models"], trace["tags"], trace["metadata"], trace["scores"]) == ([], [], {}, {})
    assert trace["error"] is None


async def test_of_several_scores_the_latest_of_the_whole_trace_is_shown(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, WORKSPACE, "a" * 32)
    now = recently()
    await store_score(database, WORKSPACE, "a" * 32, "passed", value=False, created_at=now - timedelta(hours=1))
    await store_score(database, WORKSPACE, "a" * 32, "passed", value=True, created_at=now)
    await store_score(database, WORKSPACE, "a" * 32, "passed", value=False, span_id=1, created_at=now)
    await store_score(database, WORKSPACE, "a" * 32, "tone", "warm", span_id=1, created_at=now)
    (trace,) = (await api.read(PATH))["data"]
    assert trace["scores"] == {"passed": True, "tone": "warm"}


MATCHING: dict[str, Any] = {
    "agent_id": "support",
    "session_id": "s-1",
    "user_id": "u-1",
    "status": Status.TIMEOUT,
    "duration_us": 1005,
    "ttft_us": 500_000,
    "error_count": 2,
    "tokens_total": 1000,
    "cost_nano": 5_000_000,
    "cost_source": CostSource.EXACT,
    "models": ["gpt-4o", "gpt-4o-mini"],
    "providers": ["openai"],
    "environment": "production",
    "release": "1.2.3",
    "tags": ["beta", "eu"],
    "metadata": {"plan": "pro", "a.b c": "x&y"},
    "spans": [
        {"span_id": 1, "service": "front"},
        {"span_id": 2, "kind": SpanKind.TOOL, "tool_name": "search", "service": "back"},
        {"span_id": 3, "kind": SpanKind.LLM},
    ],
}
OTHER: dict[str, Any] = {
    "agent_id": "other",
    "session_id": "s-2",
    "user_id": "u-2",
    "duration_us": 5_000_000,
    "ttft_us": 5_000_000,
    "tokens_total": 5000,
    "cost_nano": 50_000_000,
    "cost_source": CostSource.REPORTED,
    "models": ["claude"],
    "providers": ["anthropic"],
    "environment": "staging",
    "release": "2",
    "tags": ["beta"],
    "metadata": {"plan": "free"},
    "spans": [{"span_id": 1, "kind": SpanKind.RETRIEVER, "tool_name": "lookup", "service": "worker"}],
}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"trace_id": "match"}, ["match"]),
        ({"trace_id": ["match", "other"]}, ["other", "match"]),
        ({"agent_id": "support"}, ["match"]),
        ({"agent_id": ["support", "other"]}, ["other", "match"]),
        ({"session_id": "s-1"}, ["match"]),
        ({"user_id": "u-1"}, ["match"]),
        ({"status": "timeout"}, ["match"]),
        ({"status": ["error", "success"]}, ["other"]),
        ({"provider": "openai"}, ["match"]),
        ({"model": "gpt-4o-mini"}, ["match"]),
        ({"kind": "tool"}, ["match"]),
        ({"kind": ["retriever", "agent"]}, ["other"]),
        ({"kind": "llm", "tool_name": "search"}, ["match"]),
        ({"tool_name": "lookup"}, ["other"]),
        ({"service": "back"}, ["match"]),
        ({"environment": "production"}, ["match"]),
        ({"release": "1.2.3"}, ["match"]),
        ({"tags": "beta"}, ["other", "match"]),
        ({"tags": ["beta", "eu"]}, ["match"]),
        ({"tags": "beta,eu"}, ["match"]),
        ({"tags": ["beta", "eu"], "tags_mode": "any"}, ["other", "match"]),
        ({"tags": "eu,us", "tags_mode": "any"}, ["match"]),
        ({"cost_source": "exact"}, ["match"]),
        ({"has_error": "true"}, ["match"]),
        ({"has_error": "false"}, ["other"]),
        ({"min_duration_ms": "1.005", "max_duration_ms": "1.005"}, ["match"]),
        ({"min_duration_ms": "1.0051"}, ["other"]),
        ({"max_duration_ms": "1.0049"}, []),
        ({"min_cost_usd": "0.005", "max_cost_usd": "0.005"}, ["match"]),
        ({"min_cost_usd": "0.0050000001"}, ["other"]),
        ({"min_tokens_total": "1001"}, ["other"]),
        ({"max_tokens_total": "1000"}, ["match"]),
        ({"max_ttft_ms": "500"}, ["match"]),
        ({"min_ttft_ms": "500.1"}, ["other"]),
        ({"metadata.plan": "pro"}, ["match"]),
        ({"metadata.plan": ["pro", "free"]}, ["other", "match"]),
        ({"metadata.plan": "pro", "metadata.a.b c": "x"}, []),
        ({"metadata.a.b c": "x&y"}, ["match"]),
        ({"metadata.absent": "pro"}, []),
        ({"agent_id": "support", "model": "claude"}, []),
        ({"workspace_id": "11111111-1111-4111-8111-111111111111"}, ["other", "match"]),
    ],
)
async def test_filter(api: Api, database: asyncpg.Connection, params: dict[str, Any], expected: list[str]) -> None:
    start = recently()
    await store_trace(database, WORKSPACE, "match", start_time=start, **MATCHING)
    await store_trace(database, WORKSPACE, "other", start_time=start + timedelta(milliseconds=1), **OTHER)
    assert await api.trace_ids(params) == expected


async def test_F43_composed_and_decomposed_spellings_find_each_other(api: Api, database: asyncpg.Connection) -> None:
    decomposed = unicodedata.normalize("NFD", "Zoë 🧑‍🚀")
    composed = unicodedata.normalize("NFC", decomposed)
    await store_trace(database, WORKSPACE, "one", agent_id=decomposed)
    await store_trace(database, WORKSPACE, "two", agent_id=composed)
    for spelling in (composed, decomposed):
        assert set(await api.trace_ids({"agent_id": spelling})) == {"one", "two"}


async def test_the_range_is_a_day_unless_given(api: Api, database: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    for name, age in (("new", 1), ("day", 23), ("week", 6 * 24), ("month", 29 * 24)):
        await store_trace(database, WORKSPACE, name, start_time=now - timedelta(hours=age))
    await store_trace(database, WORKSPACE, "ahead", start_time=now + timedelta(minutes=50))
    assert await api.trace_ids() == ["ahead", "new", "day"]
    assert await api.trace_ids({"range": "7d"}) == ["ahead", "new", "day", "week"]
    assert await api.trace_ids({"range": "30d", "sort": "start_time"}) == ["month", "week", "day", "new", "ahead"]
    exact = {"from": (now - timedelta(days=7)).isoformat(), "to": (now - timedelta(hours=23)).isoformat()}
    assert await api.trace_ids(exact) == ["week"]
    assert await api.trace_ids({"trace_id": "month"}) == ["month"]
    assert await api.trace_ids({"trace_id": "month", "range": "24h"}) == []


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"range": "2d"}, "range"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"to": "2026-01-01T00:00:00Z"}, "from"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
        ({"from": "2016-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"range": "24h", "from": "2026-01-01T00:00:00Z"}, "range"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1000000000"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"sort": "cost"}, "sort"),
        ({"status": "failed"}, "status.0"),
        ({"kind": "LLM"}, "kind.0"),
        ({"cost_source": "guess"}, "cost_source.0"),
        ({"has_error": "perhaps"}, "has_error"),
        ({"min_duration_ms": "-1"}, "min_duration_ms"),
        ({"min_duration_ms": "NaN"}, "min_duration_ms"),
        ({"max_cost_usd": "1e400"}, "max_cost_usd"),
        ({"max_tokens_total": str(2**63)}, "max_tokens_total"),
        ({"agent_id": ""}, "agent_id.0"),
        ({"agent_id": "a\x00b"}, "agent_id.0"),
        ({"agent_id": ["x"] * 51}, "agent_id"),
        ({"agent_id": "x" * 513}, "agent_id.0"),
        ({"tags_mode": "no"}, "tags_mode"),
        ({"metadata.": "x"}, "metadata."),
        ({"metadata.key": "a\x00b"}, "metadata.key"),
        ({"metadata." + "k" * 300: "x"}, "metadata." + "k" * 91),
        ({"fields": "trace_id,cost"}, "fields"),
        ({"cursor": "nonsense"}, "cursor"),
    ],
)
async def test_a_bad_parameter_is_named(door: Api, params: dict[str, Any], field: str) -> None:
    answer = await door.get(PATH, params)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "invalid_fields"
    assert field in [problem["field"] for problem in error["details"]]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("agent", "agent_id"), ("minDurationMs", "min_duration_ms"), ("Status", "status"), ("metadata", "metadata.KEY")],
)
async def test_an_unknown_parameter_is_refused_with_the_nearest_known(door: Api, name: str, nearest: str) -> None:
    answer = await door.get(PATH, {name: "1"})
    assert answer.status_code == 422
    (problem,) = answer.json()["error"]["details"]
    assert problem["field"] == name
    assert nearest in problem["message"]


async def test_fields_selects(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, WORKSPACE, "one", agent_id="a")
    body = await api.read(PATH, {"fields": ["trace_id,scores", "agent_id"]})
    assert body["data"] == [{"trace_id": "one", "scores": {}, "agent_id": "a"}]


async def _page_through(api: Api, params: dict[str, Any]) -> tuple[list[str], list[int]]:
    found: list[str] = []
    sizes: list[int] = []
    cursor: str | None = None
    while True:
        body = await api.read(PATH, params if cursor is None else {**params, "cursor": cursor})
        found += [trace["trace_id"] for trace in body["data"]]
        sizes.append(len(body["data"]))
        cursor = body["pagination"]["cursor"]
        assert body["pagination"]["has_more"] == (cursor is not None)
        if cursor is None:
            return found, sizes


@pytest.mark.parametrize("sort", ["start_time", "-start_time"])
async def test_pages_hold_every_trace_once_though_many_start_together(
    api: Api, database: asyncpg.Connection, sort: str
) -> None:
    start = recently()
    ids = [f"{index:032x}" for index in range(1, 24)]
    for index, trace_id in enumerate(ids):
        # Groups of eight with one start; the last of them on the day before.
        await store_trace(database, WORKSPACE, trace_id, start_time=start - timedelta(hours=index // 8 * 10))
    whole = await api.trace_ids({"sort": sort, "limit": 1000})
    assert sorted(whole) == ids
    found, sizes = await _page_through(api, {"sort": sort, "limit": 5})
    assert found == whole
    assert sizes == [5, 5, 5, 5, 3]


@pytest.mark.parametrize("sort", ["start_time", "-start_time"])
async def test_a_cursor_stays_in_place_while_traces_arrive(api: Api, database: asyncpg.Connection, sort: str) -> None:
    now = datetime.now(UTC)
    before = [f"old-{index}" for index in range(12)]
    for index, trace_id in enumerate(before):
        await store_trace(database, WORKSPACE, trace_id, start_time=now - timedelta(minutes=10 * index + 5))
    found: list[str] = []
    cursor: str | None = None
    arrived = 0
    while True:
        body = await api.read(PATH, {"sort": sort, "limit": 3, **({"cursor": cursor} if cursor else {})})
        found += [trace["trace_id"] for trace in body["data"]]
        cursor = body["pagination"]["cursor"]
        if cursor is None:
            break
        for offset in (timedelta(seconds=1), timedelta(minutes=37), timedelta(minutes=118)):
            arrived += 1
            await store_trace(database, WORKSPACE, f"new-{arrived}", start_time=now - offset)
    assert len(found) == len(set(found))
    old = [trace_id for trace_id in found if trace_id.startswith("old-")]
    assert old == (before if sort == "-start_time" else before[::-1])


async def test_a_cursor_keeps_the_range_of_its_first_page(api: Api, database: asyncpg.Connection) -> None:
    now = datetime.now(UTC)
    for name, age in (("a", 1), ("b", 2), ("week", 100)):
        await store_trace(database, WORKSPACE, name, start_time=now - timedelta(hours=age))
    first = await api.read(PATH, {"range": "7d", "limit": 1})
    second = await api.read(PATH, {"limit": 5, "cursor": first["pagination"]["cursor"]})
    assert [trace["trace_id"] for trace in second["data"]] == ["b", "week"]


async def test_a_cursor_of_the_other_order_or_list_is_refused(api: Api, database: asyncpg.Connection) -> None:
    for name in ("a", "b"):
        await store_trace(database, WORKSPACE, name)
    cursor = (await api.read(PATH, {"limit": 1}))["pagination"]["cursor"]
    assert (await api.get(PATH, {"sort": "start_time", "cursor": cursor})).status_code == 422
    assert (await api.get(f"{PATH}/a/spans", {"cursor": cursor})).status_code == 422
    by_id = (await api.read(PATH, {"limit": 1, "trace_id": ["a", "b"]}))["pagination"]["cursor"]
    assert (await api.get(PATH, {"cursor": by_id})).status_code == 422


async def test_a_trace_without_spans_of_its_own_workspace_is_not_shown(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, WORKSPACE, "one")
    await insert(
        database,
        "spans",
        {
            **dict(await database.fetchrow("select workspace_id, trace_id, start_time, name, status from spans") or {}),
            "workspace_id": 2,
            "span_id": 9,
            "kind": SpanKind.TOOL,
        },
    )
    assert await api.trace_ids({"kind": "tool"}) == []
