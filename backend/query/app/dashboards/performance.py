"""The performance page: how fast, how much at a time, and what fails."""

from collections.abc import Mapping, Sequence
from typing import Any

from query.app.asked import Asked
from query.app.dashboards.common import LATENCY, traces_ask
from query.app.figures import (
    aligned,
    by_period,
    compared,
    cost,
    error_rate,
    latency,
    mean_ms,
    named,
    percentiles_ms,
    ratio,
    rounded,
)
from query.app.presentation import Row
from query.app.queries import errors
from query.app.queries.rollups import Ask, read_totals
from shared.database import Connection
from shared.domain import SpanKind
from shared.ids import span_hex, trace_hex
from shared.rollups.spec import ERROR, KIND, MODEL, SPAN

_SHARES = (0.5, 0.95, 0.99)
_SLOWEST = 10
_MODEL_KINDS = (SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RERANKER)
_OTHER_KINDS = tuple(kind for kind in SpanKind if kind not in _MODEL_KINDS)
_SPEED = (*LATENCY, "tokens_output", "cost_nano", "tokens_total", "unpriced", "counted", "timeouts")


async def overview(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return percentiles, error rate and throughput, compared with the window before, and the slowest spans."""
    ask = traces_ask(asked, LATENCY, compared=asked.previous, hist=True)
    current, previous = (
        _speed(row, asked.window.length.total_seconds())
        for row in by_period(await read_totals(workspace, connection, ask))
    )
    models = await read_totals(workspace, connection, _models_ask(asked))
    kinds = await read_totals(workspace, connection, _kinds_ask(asked, _OTHER_KINDS))
    output = sum(row["tokens_output"] for row in models)
    busy = sum(row["duration_us"] for row in models)
    slowest = [_span_group(row, SpanKind.LLM.word, row["model"]) for row in models if row["model"]]
    slowest += [_span_group(row, SpanKind(row["kind"]).word, row["tool_name"]) for row in kinds]
    slowest.sort(key=lambda group: (-(group["p95_latency_ms"] or 0), str(group["kind"]), str(group["name"])))
    return {
        **asked.bounds,
        **{name: compared(current[name], previous[name]) for name in current},
        "output_tokens_per_second": rounded(ratio(output, busy, 1e6)),
        "slowest": slowest[:_SLOWEST],
    }


def _models_ask(asked: Asked) -> Ask:
    if "agent_id" in asked.filters:
        filters: dict[str, Sequence[object]] = {**asked.filters, "kind": list(_MODEL_KINDS)}
        return Ask(SPAN, asked.window, _SPEED, ("model",), None, None, filters, hist=True)
    return Ask(MODEL, asked.window, _SPEED, ("model",), None, None, asked.filters, hist=True)


def _kinds_ask(asked: Asked, kinds: Sequence[SpanKind]) -> Ask:
    rollup = SPAN if "agent_id" in asked.filters else KIND
    filters: dict[str, Sequence[object]] = {**asked.filters, "kind": list(kinds)}
    return Ask(rollup, asked.window, LATENCY, ("kind", "tool_name"), None, None, filters, hist=True)


def _speed(row: Mapping[str, Any] | None, seconds: float) -> dict[str, float | None]:
    if row is None:
        empty: dict[str, float | None] = dict.fromkeys(
            ("avg_latency_ms", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms", "error_rate")
        )
        return {"requests": 0, **empty, "throughput_per_minute": 0.0, "p50_ttft_ms": None, "p95_ttft_ms": None}
    p50_ttft, p95_ttft = percentiles_ms(row, (0.5, 0.95), ttft=True)
    return {
        "requests": row["n"],
        **latency(row),
        "error_rate": error_rate(row),
        "throughput_per_minute": rounded(row["n"] / seconds * 60),
        "p50_ttft_ms": p50_ttft,
        "p95_ttft_ms": p95_ttft,
    }


def _span_group(row: Row, kind: str, name: str) -> dict[str, Any]:
    p50, p95 = percentiles_ms(row, (0.5, 0.95))
    return {
        "kind": kind,
        "name": named(name),
        "spans": row["n"],
        "errors": row["errors"],
        "avg_latency_ms": mean_ms(row),
        "p50_latency_ms": p50,
        "p95_latency_ms": p95,
    }


async def latency_over_time(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return mean and percentiles of the duration of traces, and of the time to the first token, over time."""
    granularity = asked.granularity()
    ask = traces_ask(asked, LATENCY, granularity=granularity, hist=True)
    rows = await read_totals(workspace, connection, ask)
    return {
        **asked.bounds,
        "granularity": granularity.name,
        "points": [{"time": point, **_latency_point(row)} for point, row in aligned(asked.window, granularity, rows)],
    }


def _latency_point(row: Row | None) -> dict[str, float | None]:
    if row is None:
        names = ("avg_latency_ms", "p50_latency_ms", "p95_latency_ms", "p99_latency_ms", "p50_ttft_ms", "p95_ttft_ms")
        return {"requests": 0, **dict.fromkeys(names)}
    p50, p95 = percentiles_ms(row, (0.5, 0.95), ttft=True)
    return {"requests": row["n"], **latency(row), "p50_ttft_ms": p50, "p95_ttft_ms": p95}


async def throughput(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return how many traces started over time, by how they ended."""
    granularity = asked.granularity()
    ask = traces_ask(asked, ("errors", "timeouts"), granularity=granularity)
    rows = await read_totals(workspace, connection, ask)
    seconds = granularity.length.total_seconds()
    return {
        **asked.bounds,
        "granularity": granularity.name,
        "points": [
            {
                "time": point,
                "requests": row["n"] if row else 0,
                "success": row["n"] - row["errors"] if row else 0,
                "error": row["errors"] - row["timeouts"] if row else 0,
                "timeout": row["timeouts"] if row else 0,
                "requests_per_second": rounded((row["n"] if row else 0) / seconds, 6),
            }
            for point, row in aligned(asked.window, granularity, rows)
        ],
    }


async def error_groups(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return the failures of spans by type and normalised message, the most frequent first."""
    ask = Ask(ERROR, asked.window, (), ("error_group", "agent_id", "kind"), None, None, asked.filters)
    groups: dict[int, dict[str, Any]] = {}
    for row in await read_totals(workspace, connection, ask):
        group = groups.setdefault(row["error_group"], {"n": 0, "agents": {}, "kinds": {}})
        group["n"] += row["n"]
        for name, value in (("agents", row["agent_id"]), ("kinds", row["kind"])):
            group[name][value] = group[name].get(value, 0) + row["n"]
    total = sum(group["n"] for group in groups.values())
    chosen = sorted(groups, key=lambda key: (-groups[key]["n"], key))[: asked.parameters["limit"]]
    labels = await errors.read_labels(workspace, connection, chosen)
    return {
        **asked.bounds,
        "total": total,
        "groups": [
            {
                "error_group": format(key & 0xFFFFFFFFFFFFFFFF, "016x"),
                **_label(labels.get(key)),
                "count": groups[key]["n"],
                "share_percent": rounded(ratio(groups[key]["n"], total, 100), 2),
                "agents": [named(name) for name in _most(groups[key]["agents"])],
                "kinds": [SpanKind(kind).word for kind in _most(groups[key]["kinds"])],
            }
            for key in chosen
        ],
    }


def _most(counts: Mapping[Any, int]) -> Sequence[Any]:
    return sorted(counts, key=lambda value: (-counts[value], str(value)))[:10]


def _label(row: Row | None) -> dict[str, object]:
    if row is None:
        return dict.fromkeys(("type", "message", "first_seen", "last_seen", "trace_id", "span_id"))
    has_trace = row["is_stored"]
    return {
        "type": row["error_type"],
        "message": row["message"],
        "first_seen": row["first_seen"],
        "last_seen": row["last_seen"],
        "trace_id": (row["external_id"] or trace_hex(row["trace_id"].bytes)) if has_trace else None,
        "span_id": span_hex(row["span_id"]) if has_trace else None,
    }


async def analytics(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return how fast and how reliable agents, models and tools are."""
    agents = await read_totals(workspace, connection, traces_ask(asked, LATENCY, by=("agent_id",), hist=True))
    models = await read_totals(workspace, connection, _models_ask(asked))
    tools = await read_totals(workspace, connection, _kinds_ask(asked, (SpanKind.TOOL,)))
    return {
        **asked.bounds,
        "by_agent": _performance(agents, "agent_id"),
        "by_model": _performance(models, "model"),
        "by_tool": _performance(tools, "tool_name"),
    }


def _performance(rows: Sequence[Row], dimension: str) -> list[dict[str, object]]:
    ordered = sorted(rows, key=lambda row: (-row["n"], row[dimension]))
    return [
        {"name": named(row[dimension]), "requests": row["n"], "error_rate": error_rate(row), **latency(row)}
        for row in ordered[:100]
    ]


async def models(workspace: int, connection: Connection, asked: Asked) -> list[dict[str, object]]:
    """Return models side by side: calls, failures, speed, tokens and cost."""
    rows = await read_totals(workspace, connection, _models_ask(asked))
    rows.sort(key=lambda row: (-row["n"], row["model"]))
    return [_model(row) for row in rows[:100]]


def _model(row: Row) -> dict[str, object]:
    p50_ttft, p95_ttft = percentiles_ms(row, (0.5, 0.95), ttft=True)
    return {
        "model": named(row["model"]),
        "calls": row["n"],
        "errors": row["errors"],
        "error_rate": error_rate(row),
        **latency(row),
        "p50_ttft_ms": p50_ttft,
        "p95_ttft_ms": p95_ttft,
        "output_tokens_per_second": rounded(ratio(row["tokens_output"], row["duration_us"], 1e6)),
        "tokens_total": row["tokens_total"],
        "cost_usd": cost(row),
        "cost_per_call_usd": rounded(ratio(cost(row), row["n"]), 9),
        "cost_per_1k_tokens_usd": rounded(ratio(cost(row), row["tokens_total"], 1000), 9),
        "unpriced_calls": row["unpriced"],
    }
