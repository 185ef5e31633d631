"""Sessions and users: lists, details, pages, tenancy, against brute force over the same traces."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query.app.actors import Listing, read_listing
from query.app.models.actors import Session, SessionParameters, SessionWithTraces, User, UserDetail, UserParameters
from query.app.queries import actors as queries
from query.app.routes.listing import _page
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, Api
from query.tests.test_injection import CORPUS
from shared.domain import CostSource, Status
from shared.ids import trace_key
from shared.rollups.queries import fold
from shared.rollups.spec import SESSION, USER
from shared.testing.traces import recently, store_score, store_trace

SESSIONS = "/api/v1/sessions"
USERS = "/api/v1/users"


async def test_a_session_shows_what_its_traces_come_to(api: Api, database: asyncpg.Connection) -> None:
    start = recently() - timedelta(minutes=10)
    common: dict[str, Any] = {"session_id": "s/1", "user_id": "u-1", "environment": "production"}
    await store_trace(
        database, WORKSPACE, "first", start_time=start, agent_id="triage", duration_us=2_000_000, llm_call_count=2,
        tokens_input=10, tokens_output=5, tokens_total=15, cost_nano=1_000_000, cost_source=CostSource.EXACT,
        input_preview="hello", output_preview="hi", **common,
    )  # fmt: skip
    await store_trace(
        database, WORKSPACE, "second", start_time=start + timedelta(minutes=1), agent_id="refund",
        status=Status.ERROR, error_type="E", error_message="m", duration_us=500, tool_call_count=1,
        tokens_input=1, tokens_output=1, tokens_total=2, input_preview="again", **common,
    )  # fmt: skip
    await store_trace(database, OTHER_WORKSPACE, "third", start_time=start, session_id="s/1", user_id="theirs")
    await store_score(database, WORKSPACE, "first", "helpful", 1)
    await store_score(database, WORKSPACE, "second", "helpful", value=False)
    await store_score(database, WORKSPACE, "second", "tone", "warm")
    (session,) = (await api.read(SESSIONS))["data"]
    expected = {
        "session_id": "s/1",
        "trace_count": 2,
        "error_count": 1,
        "error_rate": 0.5,
        "llm_call_count": 2,
        "tool_call_count": 1,
        "tokens_input": 11,
        "tokens_output": 6,
        "tokens_total": 17,
        "cost_usd": 0.001,
        "cost_source": "partial",
        "first_activity": _shown(start),
        "last_activity": _shown(start + timedelta(minutes=1)),
        "user_ids": ["u-1"],
        "agents": ["refund", "triage"],
        "duration_ms": 60_000.5,
        "status": "error",
        "input_preview": "hello",
        "output_preview": "hi",
    }
    assert session == expected
    Session.model_validate(session)
    detail = (await api.read(f"{SESSIONS}/s%2F1"))["data"]
    SessionWithTraces.model_validate(detail)
    assert {name: detail[name] for name in expected} == expected
    assert [trace["trace_id"] for trace in detail["traces"]] == ["first", "second"]
    assert detail["traces"][1]["scores"] == {"helpful": False, "tone": "warm"}
    assert detail["scores"] == {"helpful": 0.5}
    assert detail["traces_cursor"] is None
    page = (await api.read(f"{SESSIONS}/s%2F1", {"limit": 1}))["data"]
    assert [trace["trace_id"] for trace in page["traces"]] == ["first"]
    page = (await api.read(f"{SESSIONS}/s%2F1", {"limit": 1, "cursor": page["traces_cursor"]}))["data"]
    assert [trace["trace_id"] for trace in page["traces"]] == ["second"]
    assert page["trace_count"] == 2


async def test_a_user_shows_what_its_traces_come_to(api: Api, database: asyncpg.Connection) -> None:
    now = recently()
    days = [now - timedelta(days=3), now - timedelta(days=3, minutes=1), now]
    for index, start in enumerate(days):
        failure: dict[str, Any] = {"error_type": "RateLimit", "error_message": f"limit {index}00 reached"}
        await store_trace(
            database, WORKSPACE, f"t-{index}", start_time=start, user_id="u-1", session_id=f"s-{index % 2}",
            agent_id="support" if index else "triage", models=["gpt-4o", "o3"][: index + 1],
            status=Status.ERROR if index < 2 else Status.SUCCESS,
            tokens_total=10, cost_nano=10**9, cost_source=CostSource.REPORTED, **(failure if index < 2 else {}),
        )  # fmt: skip
    await store_trace(database, OTHER_WORKSPACE, "theirs", user_id="u-1", agent_id="secret")
    (user,) = (await api.read(USERS, {"range": "7d"}))["data"]
    assert (user["user_id"], user["trace_count"], user["session_count"], user["error_count"]) == ("u-1", 3, 2, 2)
    assert (user["cost_usd"], user["cost_source"], user["agents"]) == (3.0, "reported", ["support", "triage"])
    User.model_validate(user)
    detail = (await api.read(f"{USERS}/u-1"))["data"]
    UserDetail.model_validate(detail)
    assert {name: detail[name] for name in user} == user
    assert sum(day["trace_count"] for day in detail["activity"]) == 3
    assert [day["day"] for day in detail["activity"]] == sorted({start.date().isoformat() for start in days})
    assert [(share["name"], share["trace_count"]) for share in detail["by_agent"]] == [("support", 2), ("triage", 1)]
    assert [(share["name"], share["error_count"]) for share in detail["by_model"]] == [("gpt-4o", 2), ("o3", 1)]
    (kind,) = detail["errors"]
    assert (kind["type"], kind["message"], kind["count"]) == ("RateLimit", "limit <n> reached", 2)
    assert [trace["trace_id"] for trace in detail["recent_traces"]] == ["t-2", "t-0", "t-1"]
    assert [session["session_id"] for session in detail["recent_sessions"]] == ["s-0", "s-1"]
    assert (await api.get(f"{USERS}/u-1", {"range": "15m"})).json()["data"]["trace_count"] == 1


async def test_ids_of_another_workspace_or_of_nothing_do_not_exist(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, OTHER_WORKSPACE, "t", session_id="s", user_id="u")
    for path in (f"{SESSIONS}/s", f"{USERS}/u", f"{SESSIONS}/%00", f"{USERS}/%ff"):
        assert (await api.get(path)).status_code in (404, 422), path
    assert (await api.get(f"{SESSIONS}/s", workspace=OTHER_WORKSPACE)).status_code == 200
    assert (await api.read(SESSIONS))["data"] == (await api.read(USERS))["data"] == []


async def test_pages_stay_as_they_were_while_traces_arrive(api: Api, database: asyncpg.Connection) -> None:
    now = recently()
    for number in range(6):
        await store_trace(
            database, WORKSPACE, f"t-{number}", start_time=now - timedelta(minutes=number), session_id=f"s-{number}"
        )
    body = await api.read(SESSIONS, {"limit": 2})
    seen = [session["session_id"] for session in body["data"]]
    arrival = 0
    while body["pagination"]["has_more"]:
        # One session that was shown and one that was not go on, and a new one begins.
        for session in ("s-0", "s-5", f"new-{arrival}"):
            await store_trace(
                database, WORKSPACE, f"late-{session}-{arrival}", start_time=datetime.now(UTC), session_id=session
            )
        arrival += 1
        body = await api.read(SESSIONS, {"limit": 2, "cursor": body["pagination"]["cursor"]})
        seen += [session["session_id"] for session in body["data"]]
    assert seen == [f"s-{number}" for number in range(6)]


async def test_F33_a_session_without_its_earlier_traces_and_scores_without_traces(
    api: Api, database: asyncpg.Connection
) -> None:
    await store_score(database, WORKSPACE, "not here", "helpful", 1)
    spans = [{"span_id": 2, "parent_span_id": 1}]
    await store_trace(database, WORKSPACE, "t", session_id="s", user_id="u", spans=spans)
    session = (await api.read(f"{SESSIONS}/s"))["data"]
    assert (session["trace_count"], session["scores"]) == (1, {})
    await store_score(database, WORKSPACE, "t", "helpful", 1)
    assert (await api.read(f"{SESSIONS}/s"))["data"]["scores"] == {"helpful": 1.0}
    await database.execute("delete from traces")
    assert (await api.read(SESSIONS))["data"] == []
    assert (await api.get(f"{SESSIONS}/s")).status_code == 404


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"sort": "cost"}, "sort"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1000000000"}, "limit"),
        ({"user": "u"}, "user"),
        ({"range": "1y"}, "range"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}, "from"),
        ({"sort": "cost_usd", "user_id": "u"}, "user_id"),
        ({"sort": "trace_count", "has_error": "true"}, "has_error"),
        ({"cursor": "eyJ4IjoxfQ"}, "cursor"),
    ],
)
async def test_bad_parameters_are_named(door: Api, params: dict[str, str], field: str) -> None:
    answer = await door.get(SESSIONS, params)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == field


async def test_a_cursor_belongs_to_its_list_and_order(api: Api, database: asyncpg.Connection) -> None:
    for number in range(3):
        await store_trace(database, WORKSPACE, f"t-{number}", session_id=f"s-{number}", user_id=f"u-{number}")
    cursor = (await api.read(SESSIONS, {"limit": 1}))["pagination"]["cursor"]
    assert (await api.get(USERS, {"cursor": cursor})).status_code == 422
    assert (await api.get(SESSIONS, {"cursor": cursor, "sort": "cost_usd"})).status_code == 422
    assert (await api.get(f"{SESSIONS}/s-0", {"cursor": cursor})).status_code == 422


@pytest.mark.parametrize(
    "name", ["range", "from", "to", "agent_id", "user_id", "environment", "has_error", "sort", "limit", "cursor", "x"]
)
async def test_S42_parameters_and_ids(api: Api, database: asyncpg.Connection, name: str) -> None:
    await store_trace(database, OTHER_WORKSPACE, "theirs", session_id="theirs", user_id="theirs")
    await store_trace(database, WORKSPACE, "mine", session_id="mine", user_id="mine")
    for value in CORPUS:
        for path in (SESSIONS, USERS, "/api/v1/agents", f"{SESSIONS}/mine", f"{USERS}/mine"):
            answer = await api.get(path, {name: value})
            assert answer.status_code in (200, 404, 422, 503), (path, value, answer.text)
            assert "theirs" not in answer.text
            assert "syntax" not in answer.text.lower()


def _shown(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


TRACES = st.lists(
    st.tuples(
        st.integers(0, 40 * 24 * 60),
        st.sampled_from([None, "s1", "s2", "s3", "S1", "ß"]),
        st.sampled_from([None, "u1", "u2"]),
        st.sampled_from([None, "a1", "a2"]),
        st.sampled_from([None, "prod", "dev"]),
        st.sampled_from([0, 0, 1, 2]),
        st.sampled_from([None, 0, 5, 7 * 10**9]),
    ),
    max_size=25,
)
ASKED = st.fixed_dictionaries(
    {"range": st.sampled_from(["24h", "7d", "30d"])},
    optional={
        "environment": st.sampled_from([["prod"], ["prod", "dev"]]),
        "agent_id": st.sampled_from([["a1"], ["a1", "a2"], ["none"]]),
        "has_error": st.booleans(),
        "sort": st.sampled_from(["last_activity", "first_activity"]),
    },
)
RANKED = st.fixed_dictionaries(
    {
        "range": st.sampled_from(["24h", "7d", "30d"]),
        "sort": st.sampled_from(["trace_count", "error_count", "cost_usd", "tokens_total"]),
    },
    optional={"environment": st.just(["prod"])},
)


async def _store(
    connection: asyncpg.Connection, drawn: Sequence[tuple[Any, ...]], now: datetime
) -> list[dict[str, Any]]:
    await connection.execute("truncate traces, trace_heads, spans, rollup_deltas_traces, rollup_deltas_spans")
    for table in ("session_1h", "session_1d", "session_1w", "user_1h", "user_1d", "user_1w"):
        await connection.execute(f"truncate rollup_{table}")
    rows = []
    for number, (age, session, user, agent, environment, status, cost) in enumerate(drawn):
        row = {
            "start_time": now - timedelta(minutes=age, seconds=1),
            "session_id": session,
            "user_id": user,
            "agent_id": agent,
            "environment": environment,
            "status": status,
            "cost_nano": cost,
            "tokens_total": None if cost is None else cost % 13,
        }
        await store_trace(connection, WORKSPACE, f"t{number}", spans=[], **row)
        rows.append({**row, "trace_id": uuid.UUID(bytes=trace_key(f"t{number}"))})
    return rows


async def _all_pages(connection: asyncpg.Connection, first: Listing, name: str, asked: dict[str, Any]) -> list[str]:
    column: queries.Column = "session_id" if name == "sessions" else "user_id"
    found: list[str] = []
    listing = first
    while True:
        page, cursor = await _page(WORKSPACE, connection, listing, column, SESSION if name == "sessions" else USER)
        found += page
        if cursor is None:
            return found
        listing = _listing(name, {**asked, "cursor": cursor}, first.now)


def _listing(name: str, asked: dict[str, Any], now: datetime) -> Listing:
    model = SessionParameters if name == "sessions" else UserParameters
    return read_listing(name, model.model_validate({"limit": 2, **asked}), now=now)


def _expected(rows: list[dict[str, Any]], column: str, listing: Listing) -> list[str]:
    """Return the ids in the order of the list, by looking at every trace."""
    window = listing.window
    inside = [row for row in rows if row[column] and window.start <= row["start_time"] < window.end]
    matching = [
        row
        for row in inside
        if all(row[name] in values for name, values in listing.filters.items())
        and (listing.has_error is not True or row["status"])
    ]
    actors = {row[column] for row in matching}
    if listing.has_error is False:
        actors -= {row[column] for row in inside if row["status"]}
    if listing.measure is None:
        pick = max if listing.sort == "last_activity" else min
        place = {
            actor: pick((row["start_time"], -row["trace_id"].int) for row in matching if row[column] == actor)
            for actor in actors
        }
        return sorted(actors, key=place.__getitem__, reverse=True)
    totals = _totals(matching, column, listing)
    return sorted(actors, key=lambda actor: -totals[actor])


def _totals(rows: list[dict[str, Any]], column: str, listing: Listing) -> dict[str, int]:
    """Return what ids are ranked by."""
    totals: dict[str, int] = {}
    environments = listing.filters.get("environment")
    for row in rows:
        inside = listing.window.start <= row["start_time"] < listing.window.end
        if row[column] and inside and (environments is None or row["environment"] in environments):
            values = {
                "trace_count": 1,
                "error_count": int(row["status"] != 0),
                "cost_usd": row["cost_nano"] or 0,
                "tokens_total": row["tokens_total"] or 0,
            }
            totals[row[column]] = totals.get(row[column], 0) + values[listing.sort]
    return totals


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=TRACES, asked=ASKED | RANKED, name=st.sampled_from(["sessions", "users"]), folded=st.booleans())
async def test_lists_equal_brute_force(
    each_traces_url: str, drawn: list[tuple[Any, ...]], asked: dict[str, Any], name: str, folded: bool
) -> None:
    connection = await asyncpg.connect(each_traces_url)
    try:
        now = datetime.now(UTC)
        rows = await _store(connection, drawn, now)
        if folded:
            await fold(connection)
        column: queries.Column = "session_id" if name == "sessions" else "user_id"
        listing = _listing(name, asked, now)
        expected = _expected(rows, column, listing)
        found = await _all_pages(connection, listing, name, asked)
        if listing.measure is None:
            assert found == expected
        else:
            # Ties are in the order of the database's collation.
            totals = _totals(rows, column, listing)
            assert sorted(found) == sorted(expected)
            assert [totals[actor] for actor in found] == [totals[actor] for actor in expected]
        figures = await queries.read_figures(
            WORKSPACE, connection, column, expected, listing.window.start, listing.window.end
        )
        assert [row["actor"] for row in figures] == expected
        for row in figures:
            mine = [
                trace
                for trace in rows
                if trace[column] == row["actor"] and listing.window.start <= trace["start_time"] < listing.window.end
            ]
            costs = [trace["cost_nano"] for trace in mine if trace["cost_nano"] is not None]
            assert row["trace_count"] == len(mine)
            assert row["error_count"] == sum(trace["status"] != 0 for trace in mine)
            assert row["cost_nano"] == (sum(costs) if costs else None)
            assert row["first_activity"] == min(trace["start_time"] for trace in mine)
            assert row["last_activity"] == max(trace["start_time"] for trace in mine)
            assert (row["agents"] or []) == sorted({trace["agent_id"] for trace in mine if trace["agent_id"]})
            newest = max(mine, key=lambda trace: (trace["start_time"], -trace["trace_id"].int))
            assert row["status"] == newest["status"]
    finally:
        await connection.close()
