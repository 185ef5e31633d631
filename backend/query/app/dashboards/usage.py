"""The usage page: who uses which agents, how much."""

from collections.abc import Mapping
from typing import Any

from query.app.asked import Asked
from query.app.dashboards.common import LATENCY, traces_ask
from query.app.figures import (
    OTHER,
    by_period,
    compared,
    cost,
    error_rate,
    latency,
    named,
    ratio,
    rounded,
    stacked,
)
from query.app.queries import activity
from query.app.queries.rollups import Ask, count_distinct, read_top, read_totals
from query.app.windows import points_of
from shared.database import Connection
from shared.errors import FieldProblem, InvalidFieldsError
from shared.rollups.spec import AGENT, SESSION, USER, Rollup

_SORTS = {"calls": "n", "cost_usd": "cost_nano", "tokens_total": "tokens_total"}


async def overview(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return how much a workspace is used, and how much it was in the window before."""
    measures = ("llm_calls", "tool_calls", "tokens_total")
    rows = await read_totals(workspace, connection, traces_ask(asked, measures, compared=asked.previous))
    agents_ask = Ask(AGENT, asked.window, (), ("agent_id",), None, asked.previous, asked.filters)
    agents = [0, 0]
    for row in await read_totals(workspace, connection, agents_ask):
        agents[not row["is_current"]] += bool(row["agent_id"])
    users: tuple[int | None, int | None] = (None, None)
    sessions = users
    if "agent_id" not in asked.filters:
        users = await _distinct(workspace, connection, asked, USER, "user_id")
        sessions = await _distinct(workspace, connection, asked, SESSION, "session_id")
    periods = [_usage(row) for row in by_period(rows)]
    for index, period in enumerate(periods):
        period["active_agents"] = agents[index]
        period["unique_users"], period["sessions"] = users[index], sessions[index]
        period["avg_calls_per_user"] = rounded(ratio(period["calls"], users[index]))
    current, previous = periods
    return {**asked.bounds, **{name: compared(current[name], previous[name]) for name in current}}


def _usage(row: Mapping[str, Any] | None) -> dict[str, float | None]:
    names = {"calls": "n", "llm_calls": "llm_calls", "tool_calls": "tool_calls", "tokens_total": "tokens_total"}
    return {shown: 0 if row is None else row[name] for shown, name in names.items()}


async def _distinct(
    workspace: int, connection: Connection, asked: Asked, rollup: Rollup, dimension: str
) -> tuple[int, int]:
    ask = Ask(rollup, asked.window, (), (), None, asked.previous, asked.filters)
    found = {row["is_current"]: row["found"] for row in await count_distinct(workspace, connection, ask, dimension)}
    return found.get(True, 0), found.get(False, 0)


async def calls_over_time(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return the number of traces over time, in all and by agent."""
    granularity = asked.granularity()
    ask = Ask(AGENT, asked.window, ("errors",), ("agent_id",), granularity, None, asked.filters)
    rows = await read_totals(workspace, connection, ask)
    points = points_of(asked.window, granularity, {row["time"] for row in rows})
    calls, errors = [0] * len(points), [0] * len(points)
    place = {point: index for index, point in enumerate(points)}
    for row in rows:
        calls[place[row["time"]]] += row["n"]
        errors[place[row["time"]]] += row["errors"]
    series = [
        {
            "agent_id": OTHER if key is None else named(key[0]),
            "is_other": key is None,
            "total": sum(values),
            "calls": values,
        }
        for key, values in stacked(points, rows, ("agent_id",), "n", asked.parameters["limit"])
    ]
    return {
        **asked.bounds,
        "granularity": granularity.name,
        "times": points,
        "calls": calls,
        "errors": errors,
        "by_agent": series,
    }


async def agent_distribution(workspace: int, connection: Connection, asked: Asked) -> list[dict[str, object]]:
    """Return each agent's share of the traces, the busiest first."""
    ask = Ask(
        AGENT,
        asked.window,
        (*LATENCY, "tokens_total", "cost_nano", "llm_calls", "tool_calls"),
        ("agent_id",),
        None,
        None,
        asked.filters,
        hist=True,
    )
    rows = sorted(await read_totals(workspace, connection, ask), key=lambda row: (-row["n"], row["agent_id"]))
    total = sum(row["n"] for row in rows)
    return [
        {
            "agent_id": named(row["agent_id"]),
            "calls": row["n"],
            "share_percent": rounded(ratio(row["n"], total, 100), 2),
            "errors": row["errors"],
            "error_rate": error_rate(row),
            "llm_calls": row["llm_calls"],
            "tool_calls": row["tool_calls"],
            "tokens_total": row["tokens_total"],
            "cost_usd": cost(row),
            **latency(row),
        }
        for row in rows
    ]


async def top_users(workspace: int, connection: Connection, asked: Asked) -> list[dict[str, object]]:
    """Return the users with the most traces, cost or tokens, and what they had in the window before.

    Raises:
        InvalidFieldsError: Users are not counted by agent.
    """
    if "agent_id" in asked.filters:
        raise InvalidFieldsError(
            "Users are not counted by agent.", details=[FieldProblem("agent_id", "cannot filter users")]
        )
    order = _SORTS[asked.parameters["sort"]]
    measures = ("errors", "tokens_total", "cost_nano")
    ask = Ask(USER, asked.window, measures, ("user_id",), None, None, asked.filters)
    rows = await read_top(workspace, connection, ask, order=order, limit=asked.parameters["limit"])
    users = [row["user_id"] for row in rows]
    before_ask = Ask(USER, asked.previous, (), ("user_id",), None, None, {**asked.filters, "user_id": users})
    before = {row["user_id"]: row["n"] for row in await read_totals(workspace, connection, before_ask)}
    seen = await activity.read_last_active(workspace, connection, users)
    return [
        {
            "user_id": row["user_id"],
            "calls": compared(row["n"], before.get(row["user_id"], 0)),
            "errors": row["errors"],
            "tokens_total": row["tokens_total"],
            "cost_usd": cost(row),
            "last_active": seen.get(row["user_id"]),
        }
        for row in rows
    ]
