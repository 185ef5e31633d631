"""Answers about single traces, sessions, users and what was said of them, against the raw rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from shared.domain import Status
from shared.rollups.spec import ORIGIN
from tests.figures import oracle as o
from tests.figures.checks import Answers, latency, same
from tests.figures.oracle import Oracle

# Thumbs and stars; a rating of 0 or 3 is neither.
_GOOD, _BAD = (1, 4, 5), (-1, 2)


def trace(answer: Answers, row: o.Row) -> None:
    """Check a trace of a list or by itself."""
    assert answer["trace_id"] == row["trace_id"].hex
    assert answer["status"] == Status(row["status"]).word
    assert datetime.fromisoformat(answer["start_time"]) == row["start_time"]
    same("duration", answer["duration_ms"], None if row["duration_us"] is None else row["duration_us"] / 1000)
    same("cost", answer["cost_usd"], None if row["cost_nano"] is None else row["cost_nano"] / 1e9)
    for name in ("span_count", "llm_call_count", "tool_call_count", "error_count", "tokens_input", "tokens_total"):
        assert answer[name] == row[name], name


def traces(answers: Sequence[Answers], rows: Sequence[o.Row]) -> None:
    """Check all traces of a list, newest first."""
    by_id = {row["trace_id"].hex: row for row in rows}
    times = [answer["start_time"] for answer in answers]
    assert times == sorted(times, reverse=True)
    assert sorted(by_id) == sorted(answer["trace_id"] for answer in answers)
    for answer in answers:
        trace(answer, by_id[answer["trace_id"]])


def spans(answers: Sequence[Answers], rows: Sequence[o.Row]) -> None:
    """Check the spans of a trace."""
    by_id = {format(row["span_id"], "016x"): row for row in rows}
    assert sorted(by_id) == sorted(answer["span_id"] for answer in answers)
    for answer in answers:
        row = by_id[answer["span_id"]]
        assert answer["status"] == Status(row["status"]).word
        assert answer["tokens_input"] == row["tokens_input"]
        same("span cost", answer["cost_usd"], None if row["cost_nano"] is None else row["cost_nano"] / 1e9)


def graph(answer: Answers, rows: Sequence[o.Row]) -> None:
    """Check the models that a trace called."""
    calls = o.split([row for row in rows if row["kind"] in o.MODEL_KINDS], lambda row: row["model"])
    nodes = {node["name"]: node for node in answer["nodes"] if node["kind"] == "model"}
    assert set(nodes) == set(calls)
    for name, node in nodes.items():
        same("spans", node["span_count"], len(calls[name]))
        same("errors", node["error_count"], o.errors(calls[name]))
        same("cost", node["cost_usd"] or 0, o.cost(calls[name]))


def totals(answer: Answers, rows: Sequence[o.Row]) -> None:
    """Check what sessions, users and agents have in common."""
    same("traces", answer["trace_count"], len(rows))
    same("errors", answer["error_count"], o.errors(rows))
    same("error rate", answer["error_rate"], o.error_rate(rows))
    same("tokens", answer["tokens_total"] or 0, o.tokens(rows))
    same("cost", answer["cost_usd"] or 0, o.cost(rows))


def actors(answers: Sequence[Answers], now: Oracle, every: Oracle, name: str) -> None:
    """Check the list of sessions or users; figures are of all their traces, not of those that the filters fit."""
    groups = o.split([row for row in every.traces if row[name]], lambda row: row[name])
    assert {answer[name] for answer in answers} == {row[name] for row in now.traces if row[name]}
    for answer in answers:
        rows = groups[answer[name]]
        totals(answer, rows)
        starts = [row["start_time"] for row in rows]
        assert datetime.fromisoformat(answer["first_activity"]) == min(starts)
        assert datetime.fromisoformat(answer["last_activity"]) == max(starts)


def session(answer: Answers, rows: Sequence[o.Row], scores: Sequence[o.Row]) -> None:
    """Check one session of all times."""
    totals(answer, rows)
    assert [item["trace_id"] for item in answer["traces"]] == [
        row["trace_id"].hex for row in sorted(rows, key=lambda row: row["start_time"])
    ]
    mine = {row["trace_id"] for row in rows}
    latest: dict[tuple[object, str], o.Row] = {}
    for score in sorted(scores, key=lambda row: row["created_at"]):
        if score["trace_id"] in mine:
            latest[score["trace_id"], score["name"]] = score
    means = o.split(latest.values(), lambda row: row["name"])
    assert set(answer["scores"]) == set(means)
    for name, found in answer["scores"].items():
        same("score", found, sum(row["value_number"] for row in means[name]) / len(means[name]))


def user(answer: Answers, rows: Sequence[o.Row]) -> None:
    """Check one user."""
    totals(answer, rows)
    days = o.split(rows, lambda row: row["start_time"].date().isoformat())
    assert {item["day"]: item["trace_count"] for item in answer["activity"]} == _lengths(days)
    for item in answer["activity"]:
        same("day's cost", item["cost_usd"], o.cost(days[item["day"]]))
    named = o.split([row for row in rows if row["agent_id"]], lambda row: row["agent_id"])
    assert {item["name"]: item["trace_count"] for item in answer["by_agent"]} == _lengths(named)
    models = Counter(model for row in rows for model in row["models"] or ())
    assert {item["name"]: item["trace_count"] for item in answer["by_model"]} == models
    assert sum(item["count"] for item in answer["errors"]) == o.errors(rows)
    sessions = o.split([row for row in rows if row["session_id"]], lambda row: row["session_id"])
    assert {item["session_id"]: item["trace_count"] for item in answer["recent_sessions"]} == _lengths(sessions)
    latest = sorted(rows, key=lambda row: row["start_time"], reverse=True)[:20]
    assert [item["trace_id"] for item in answer["recent_traces"]] == [row["trace_id"].hex for row in latest]


def agents(answers: Sequence[Answers], now: Oracle) -> None:
    """Check the list of agents."""
    groups = o.split([row for row in now.traces if row["agent_id"]], lambda row: row["agent_id"])
    assert {answer["agent_id"] for answer in answers} == set(groups)
    for answer in answers:
        rows = groups[answer["agent_id"]]
        totals(answer, rows)
        latency(f"agent {answer['agent_id']}", answer, rows)
        assert datetime.fromisoformat(answer["last_seen"]) == max(row["start_time"] for row in rows)


def facets(answer: Answers, now: Oracle) -> None:
    """Check how often values occur among traces."""
    assert answer["sample"]["traces"] == len(now.traces)
    for facet in answer["facets"]:
        name = facet["name"]
        if name in ("agent_id", "environment", "user_id", "session_id", "release"):
            expected = Counter(row[name] for row in now.traces if row[name])
        elif name == "status":
            expected = Counter(Status(row["status"]).word for row in now.traces)
        else:
            assert name == "model"
            expected = Counter(model for row in now.traces for model in row["models"] or ())
        assert {item["value"]: item["count"] for item in facet["values"]} == expected, name


def activity(answer: Sequence[Answers], now: Oracle, limit: int) -> None:
    """Check the latest traces."""
    latest = sorted(now.traces, key=lambda row: row["start_time"], reverse=True)[:limit]
    assert [item["trace_id"] for item in answer] == [row["trace_id"].hex for row in latest]
    for item, row in zip(answer, latest, strict=True):
        same("cost", item["cost_usd"], None if row["cost_nano"] is None else row["cost_nano"] / 1e9)


def budget(answer: Answers, every: Oracle, now: datetime) -> None:
    """Check what of the month's budget is spent, and what the month will come to."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    spent = o.cost([row for row in every.traces if row["start_time"] >= today.replace(day=1)])
    same("spent", answer["spent_usd"], spent)
    week = [row for row in every.traces if today - timedelta(days=7) <= row["start_time"] < today]
    next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    left = (next_month - now).total_seconds() / 86_400
    same("projected", answer["projected_usd"], spent + o.cost(week) / 7 * left, 1e-3)


def cost_by(answer: Answers, now: Oracle) -> None:
    """Check cost by agent, environment, model and provider."""
    calls = now.model_calls
    for part, rows, name in (
        ("by_agent", now.traces, "agent_id"),
        ("by_environment", now.traces, "environment"),
        ("by_model", calls, "model"),
        ("by_provider", calls, "model_provider"),
    ):
        groups = o.split(rows, itemgetter(name))
        assert {item["name"] for item in answer[part]} == set(groups), part
        for item in answer[part]:
            found = groups[item["name"]]
            same(f"{part} requests", item["requests"], len(found))
            same(f"{part} tokens", item["tokens_total"], o.tokens(found))
            same(f"{part} cost", item["cost_usd"], o.cost(found))


def speed_by(answer: Answers, now: Oracle, *, of_agents: bool) -> None:
    """Check speed by agent, model and tool; beside an agent calls of models alone count."""
    calls = [row for row in now.spans if row["kind"] in o.MODEL_KINDS] if of_agents else now.model_calls
    tools = [row for row in now.spans if row["tool_name"]]
    for part, rows, name in (
        ("by_agent", now.traces, "agent_id"),
        ("by_model", calls, "model"),
        ("by_tool", tools, "tool_name"),
    ):
        groups = o.split(rows, itemgetter(name))
        assert {item["name"] for item in answer[part]} == set(groups), part
        for item in answer[part]:
            found = groups[item["name"]]
            same(f"{part} requests", item["requests"], len(found))
            same(f"{part} error rate", item["error_rate"], o.error_rate(found))
            latency(f"{part} {item['name']}", item, found)


def reliability(answer: Answers, now: Oracle, before: Oracle) -> None:
    """Check how the traces of each agent ended."""
    for part, rows in (("value", now.traces), ("previous", before.traces)):
        same(f"error rate {part}", answer["error_rate"][part], o.error_rate(rows))
    groups = o.split(now.traces, lambda row: row["agent_id"])
    assert {item["name"]: (item["requests"], item["errors"]) for item in answer["by_agent"]} == {
        name: (len(rows), o.errors(rows)) for name, rows in groups.items()
    }


def judgements(answer: Answers, said: Mapping[str, Sequence[o.Row]], start: datetime, end: datetime) -> None:
    """Check scores, feedback and outcomes by the time at which they were given."""
    inside = {name: [row for row in rows if start <= row["created_at"] < end] for name, rows in said.items()}
    ratings = [row["rating"] for row in inside["feedback"]]
    good, bad = (sum(rating in kind for rating in ratings) for kind in (_GOOD, _BAD))
    expected = {
        "feedback": len(ratings),
        "positive_feedback_share": good / (good + bad) if good + bad else None,
        "outcomes": len(inside["outcomes"]),
        "success_share": _share(row["success"] for row in inside["outcomes"]),
    }
    for name, value in expected.items():
        found = answer[name]["value"] if isinstance(answer[name], dict) else answer[name]
        same(name, found, value, 1e-3)
    groups = o.split(inside["scores"], lambda row: row["name"])
    assert {item["name"]: item["count"] for item in answer["scores"]} == _lengths(groups)
    for item in answer["scores"]:
        values = [row["value_number"] for row in groups[item["name"]]]
        same("mean", item["mean"], sum(values) / len(values), 1e-5)


def said_over_time(answer: Answers, feedback: Sequence[o.Row]) -> None:
    """Check feedback over time."""
    length = _time(answer["points"][1]["time"]) - _time(answer["points"][0]["time"])
    start, end = _time(answer["from"]), _time(answer["points"][-1]["time"]) + length
    inside = [row for row in feedback if start <= row["created_at"] < end]
    buckets = o.split(inside, lambda row: o.bucket(row["created_at"], length, ORIGIN))
    for point in answer["points"]:
        ratings = [row["rating"] for row in buckets.get(_time(point["time"]), [])]
        assert point["positive_feedback"] == sum(rating in _GOOD for rating in ratings)
        assert point["negative_feedback"] == sum(rating in _BAD for rating in ratings)


def _share(flags: Any) -> float | None:
    listed = list(flags)
    return sum(listed) / len(listed) if listed else None


def _lengths(groups: Mapping[Any, Sequence[o.Row]]) -> dict[Any, int]:
    return {key: len(rows) for key, rows in groups.items()}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
