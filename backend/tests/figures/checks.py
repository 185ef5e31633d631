"""Each endpoint's answer against the oracle's."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.domain import SpanKind, Status
from shared.rollups.spec import ORIGIN
from tests.figures import oracle as o
from tests.figures.oracle import Oracle

# Histograms promise percentiles within 2 %; figures are rounded beyond that.
PERCENTILE = 0.0201
Answers = Mapping[str, Any]


def same(where: str, found: Any, expected: Any, relative: float = 1e-6) -> None:
    """Fail unless two figures agree."""
    assert o.close(found, expected, relative), f"{where}: answered {found}, expected {expected}"


def latency(where: str, answer: Answers, rows: Sequence[o.Row]) -> None:
    """Check mean and percentiles."""
    same(f"{where} mean", answer["avg_latency_ms"], o.mean_ms(rows))
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        if f"{name}_latency_ms" in answer:
            expected = o.percentile(o.durations(rows), share)
            same(f"{where} {name}", answer[f"{name}_latency_ms"], expected, PERCENTILE)


def home(answer: Answers, now: Oracle, before: Oracle) -> None:
    """Check the key figures."""
    for part, rows in (("value", now.traces), ("previous", before.traces)):
        same(f"requests {part}", answer["requests"][part], len(rows))
        same(f"error rate {part}", answer["error_rate"][part], o.error_rate(rows))
        same(f"cost {part}", answer["cost_usd"][part], o.cost(rows))
        same(f"mean {part}", answer["avg_latency_ms"][part], o.mean_ms(rows))
        same(f"p95 {part}", answer["p95_latency_ms"][part], o.percentile(o.durations(rows), 0.95), PERCENTILE)
    assert sum(point["requests"] for point in answer["trend"]) == len(now.traces)


def aggregations(answer: Sequence[Answers], now: Oracle, length: timedelta) -> None:
    """Check each hour or day."""
    buckets = o.split(now.traces, lambda row: o.bucket(row["start_time"], length, ORIGIN))
    for point in answer:
        rows = buckets.pop(_time(point["time"]), [])
        same("requests", point["requests"], len(rows))
        same("errors", point["errors"], o.errors(rows))
        same("tokens", point["tokens_total"], o.tokens(rows))
        same("cost", point["cost_usd"], o.cost(rows))
        latency(f"bucket {point['time']}", point, rows)
    assert not buckets


def usage(answer: Answers, now: Oracle, before: Oracle) -> None:
    """Check calls, users, sessions and agents."""
    for part, rows in (("value", now.traces), ("previous", before.traces)):
        same("calls", answer["calls"][part], len(rows))
        same("llm calls", answer["llm_calls"][part], sum(row["llm_call_count"] for row in rows))
        same("tokens", answer["tokens_total"][part], o.tokens(rows))
        same("agents", answer["active_agents"][part], o.distinct(rows, "agent_id"))
        if answer["unique_users"]["value"] is not None:
            same("users", answer["unique_users"][part], o.distinct(rows, "user_id"))
            same("sessions", answer["sessions"][part], o.distinct(rows, "session_id"))


def calls_over_time(answer: Answers, now: Oracle) -> None:
    """Check the sums by time and by agent."""
    assert sum(answer["calls"]) == len(now.traces)
    assert sum(answer["errors"]) == o.errors(now.traces)
    groups = o.split(now.traces, lambda row: row["agent_id"])
    assert {series["agent_id"]: series["total"] for series in answer["by_agent"]} == {
        name: len(rows) for name, rows in groups.items()
    }
    length = _time(answer["times"][1]) - _time(answer["times"][0]) if len(answer["times"]) > 1 else None
    if length is not None:
        buckets = o.split(now.traces, lambda row: o.bucket(row["start_time"], length, ORIGIN))
        for time, calls in zip(answer["times"], answer["calls"], strict=True):
            assert calls == len(buckets.get(_time(time), []))


def agents(answer: Sequence[Answers], now: Oracle) -> None:
    """Check each agent's share."""
    groups = o.split(now.traces, lambda row: row["agent_id"])
    assert {item["agent_id"] for item in answer} == set(groups)
    for item in answer:
        rows = groups[item["agent_id"]]
        same("calls", item["calls"], len(rows))
        same("cost", item["cost_usd"], o.cost(rows))
        same("share", item["share_percent"], 100 * len(rows) / len(now.traces), 1e-3)
        latency(f"agent {item['agent_id']}", item, rows)


def top_users(answer: Sequence[Answers], now: Oracle, before: Oracle) -> None:
    """Check the users, of whom there are fewer than asked for."""
    groups = o.split([row for row in now.traces if row["user_id"]], lambda row: row["user_id"])
    earlier = o.split(before.traces, lambda row: row["user_id"])
    assert [item["calls"]["value"] for item in answer] == sorted((len(rows) for rows in groups.values()), reverse=True)
    for item in answer:
        rows = groups[item["user_id"]]
        same("calls", item["calls"]["value"], len(rows))
        same("calls before", item["calls"]["previous"], len(earlier.get(item["user_id"], [])))
        same("cost", item["cost_usd"], o.cost(rows))
        same("errors", item["errors"], o.errors(rows))


def costs(answer: Answers, now: Oracle, before: Oracle) -> None:
    """Check the sums, and that their parts by source add up to them."""
    for part, rows in (("value", now.traces), ("previous", before.traces)):
        same("cost", answer["cost_usd"][part], o.cost(rows))
        same("requests", answer["requests"][part], len(rows))
    counted = [row for row in now.spans if row["counted"]]
    groups = o.split(counted, o.source_word)
    assert {item["cost_source"] for item in answer["by_source"]} == set(groups)
    for item in answer["by_source"]:
        same("spans", item["spans"], len(groups[item["cost_source"]]))
        same("cost", item["cost_usd"], o.cost(groups[item["cost_source"]]))
    same("unpriced", answer["unpriced_spans"], o.unpriced(now.spans))


def by_model(answer: Sequence[Answers], now: Oracle) -> None:
    """Check the cost of each model."""
    groups = o.split(now.model_calls, lambda row: (row["model"], row["model_provider"]))
    assert {(item["model"], item["provider"]) for item in answer} == set(groups)
    for item in answer:
        rows = groups[item["model"], item["provider"]]
        same("calls", item["calls"], len(rows))
        same("tokens", item["tokens_total"], o.tokens(rows))
        same("input", item["tokens_input"], o.tokens(rows, "tokens_input"))
        same("cost", item["cost_usd"], o.cost(rows))
        same("unpriced", item["unpriced_calls"], o.unpriced(rows))


def trend(answer: Answers, now: Oracle) -> None:
    """Check cost over time by model."""
    rows = now.model_calls
    same("total", sum(answer["cost_usd"]), o.cost(rows))
    if answer["cumulative_usd"]:
        same("cumulative", answer["cumulative_usd"][-1], o.cost(rows))
    groups = o.split(rows, lambda row: (row["model"], row["model_provider"]))
    for series in answer["by_model"]:
        same("series", series["total_usd"], o.cost(groups[series["model"], series["provider"]]))


def performance(answer: Answers, now: Oracle, before: Oracle) -> None:
    """Check percentiles of durations and of times to the first token."""
    for part, rows in (("value", now.traces), ("previous", before.traces)):
        latency("overview", {name: answer[name][part] for name in answer if name.endswith("latency_ms")}, rows)
        for name, share in (("p50_ttft_ms", 0.5), ("p95_ttft_ms", 0.95)):
            same(name, answer[name][part], o.percentile(o.durations(rows, "ttft_us"), share), PERCENTILE)
    models = o.split(now.model_calls, lambda row: row["model"])
    for item in answer["slowest"]:
        if item["kind"] == "llm":
            rows = models[item["name"]]
        else:
            kind = SpanKind.from_word(item["kind"])
            rows = [row for row in now.spans if row["kind"] == kind and row["tool_name"] == item["name"]]
        same("spans", item["spans"], len(rows))
        same("slow p95", item["p95_latency_ms"], o.percentile(o.durations(rows), 0.95), PERCENTILE)


def latency_over_time(answer: Answers, now: Oracle) -> None:
    """Check each point."""
    length = _time(answer["points"][1]["time"]) - _time(answer["points"][0]["time"])
    buckets = o.split(now.traces, lambda row: o.bucket(row["start_time"], length, ORIGIN))
    for point in answer["points"]:
        rows = buckets.get(_time(point["time"]), [])
        assert point["requests"] == len(rows)
        latency(f"point {point['time']}", point, rows)


def throughput(answer: Answers, now: Oracle) -> None:
    """Check the sums."""
    assert sum(point["requests"] for point in answer["points"]) == len(now.traces)
    for name in ("success", "error", "timeout"):
        expected = sum(row["status"] == Status.from_word(name) for row in now.traces)
        assert sum(point[name] for point in answer["points"]) == expected


def error_groups(answer: Answers, now: Oracle) -> None:
    """Check groups by type and normalised message."""
    failing = [row for row in now.spans if row["status"] != Status.SUCCESS]
    assert answer["total"] == len(failing)
    groups = o.split(failing, lambda row: (row["error_type"], row["normalised"]))
    assert {(group["type"], group["message"]): group["count"] for group in answer["groups"]} == {
        key: len(rows) for key, rows in groups.items()
    }
    for group in answer["groups"]:
        rows = groups[group["type"], group["message"]]
        assert set(group["agents"]) == {row["agent_id"] for row in rows}


def models(answer: Sequence[Answers], now: Oracle) -> None:
    """Check models side by side."""
    groups = o.split(now.model_calls, lambda row: row["model"])
    assert {item["model"] for item in answer} == set(groups)
    for item in answer:
        rows = groups[item["model"]]
        same("calls", item["calls"], len(rows))
        same("cost", item["cost_usd"], o.cost(rows))
        latency(f"model {item['model']}", item, rows)
        expected = o.percentile(o.durations(rows, "ttft_us"), 0.95)
        same("ttft", item["p95_ttft_ms"], expected, PERCENTILE)


def free_query(answer: Answers, now: Oracle, dimensions: Mapping[str, str], *, of_spans: bool) -> None:
    """Check the rows of a free query that measures requests, errors, tokens, cost, latency."""
    words = {"status": Status, "kind": SpanKind}
    rows = now.spans if of_spans else now.traces
    if of_spans and {"model", "provider"} & set(dimensions) and "kind" not in dimensions:
        only_models = set(dimensions) <= {"model", "provider", "environment"}
        rows = now.model_calls if only_models else [row for row in rows if row["kind"] in o.MODEL_KINDS]

    def key(row: o.Row) -> tuple[Any, ...]:
        return tuple(
            words[name](row[column]).word if name in words else row[column] for name, column in dimensions.items()
        )

    groups = o.split(rows, key)
    assert {tuple(row[name] for name in dimensions) for row in answer["rows"]} == set(groups)
    for row in answer["rows"]:
        found = groups[tuple(row[name] for name in dimensions)]
        same("requests", row["requests"], len(found))
        same("errors", row["errors"], o.errors(found))
        same("cost", row["cost_usd"], o.cost(found))
        same("tokens", row["tokens_total"], o.tokens(found))
        same("p95", row["latency_p95"], o.percentile(o.durations(found), 0.95), PERCENTILE)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
