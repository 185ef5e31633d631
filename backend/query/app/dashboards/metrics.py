"""The free query over figures, answered by the smallest rollup that has what it names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from query.app.asked import Asked
from query.app.figures import cost, error_rate, mean_ms, named, percentiles_ms
from query.app.presentation import Row
from query.app.queries.rollups import Ask, count_distinct, read_top
from query.app.windows import Granularity
from shared.database import Connection
from shared.domain import SpanKind, Status
from shared.errors import FieldProblem, InvalidFieldsError
from shared.rollups.spec import AGENT, KIND, MODEL, SESSION, SPAN, TOTAL, TRACE, USER, Level, Rollup

_COLUMNS = {
    "agent": "agent_id",
    "model": "model",
    "provider": "provider",
    "kind": "kind",
    "status": "status",
    "environment": "environment",
    "release": "release",
    "tool": "tool_name",
}
_OF_SPANS = {"model", "provider", "kind", "tool"}
_MODEL_KINDS = [SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RERANKER]
_ACTORS: dict[str, tuple[Rollup, str]] = {"users": (USER, "user_id"), "sessions": (SESSION, "session_id")}
_SUMS: dict[str, tuple[str, ...]] = {
    "errors": ("errors",),
    "error_rate": ("errors",),
    "cost_usd": ("cost_nano",),
    "latency_avg": ("duration_us", "duration_n"),
    **{
        name: (name,) for name in ("tokens_input", "tokens_output", "tokens_total", "tokens_cached", "tokens_reasoning")
    },
}
_PERCENTILES = {
    "latency_p50": (0.5, False),
    "latency_p95": (0.95, False),
    "latency_p99": (0.99, False),
    "ttft_p50": (0.5, True),
    "ttft_p95": (0.95, True),
}
_VALUES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "requests": lambda row: row["n"],
    "error_rate": error_rate,
    "cost_usd": cost,
    "latency_avg": mean_ms,
}
# More groups than anybody reads would only keep the database busy.
_MOST_GROUPS = 20_000


async def run(workspace: int, connection: Connection, asked: Asked) -> dict[str, object]:
    """Return the rows of a query; its parameters are those of ``MetricsRequest``.

    Raises:
        InvalidFieldsError: The query asks for what does not go together.
    """
    query = asked.parameters
    dimensions, measures = list(dict.fromkeys(query["dimensions"])), list(dict.fromkeys(query["measures"]))
    filters = _read_filters(query["filters"])
    of_spans = bool(_OF_SPANS & {*dimensions, *query["filters"]})
    actors = [name for name in measures if name in _ACTORS]
    _check(dimensions, measures, query, actors)
    granularity = None
    if "time" in dimensions:
        granularity = asked.granularity(Level.HOUR if actors else Level.BASE)
    by = [_COLUMNS[name] for name in dimensions if name != "time"]
    rollup = _rollup(by, filters, of_spans=of_spans)
    if rollup is SPAN and {"model", "provider"} & {*by, *filters} and "kind" not in {*by, *filters}:
        filters = {**filters, "kind": _MODEL_KINDS}
    sums = list(dict.fromkeys(name for measure in measures for name in _SUMS.get(measure, ())))
    ask = Ask(
        rollup, asked.window, sums, by, granularity, None, filters, hist=any(name in _PERCENTILES for name in measures)
    )
    rows = await read_top(workspace, connection, ask, order="n", limit=_MOST_GROUPS)
    distinct = {name: await _distinct(workspace, connection, asked, name, by, granularity, filters) for name in actors}
    answer = [_answer_row(row, dimensions, measures, distinct) for row in rows]
    _sort(answer, query["order"], dimensions, measures)
    return {
        **asked.bounds,
        "granularity": granularity.name if granularity else None,
        "counts": "spans" if of_spans else "traces",
        "rows": answer[: query["limit"]],
        "truncated": len(answer) > query["limit"] or len(rows) == _MOST_GROUPS,
    }


def _read_filters(given: Mapping[str, Sequence[str]]) -> dict[str, Sequence[object]]:
    filters: dict[str, Sequence[object]] = {}
    for name, values in given.items():
        if name in ("status", "kind"):
            words: dict[str, object] = {item.word: item for item in (Status if name == "status" else SpanKind)}
            unknown = [value for value in values if value not in words]
            if unknown:
                raise _refuse(f"filters.{name}", f"takes {', '.join(words)}")
            filters[name] = [words[value] for value in values]
        else:
            filters[_COLUMNS[name]] = list(values)
    return filters


def _check(dimensions: Sequence[str], measures: Sequence[str], query: Mapping[str, Any], actors: Sequence[str]) -> None:
    if query["granularity"] is not None and "time" not in dimensions:
        raise _refuse("granularity", "needs the dimension 'time'")
    others = sorted({*dimensions, *query["filters"]} - {"time", "environment"})
    if actors and others:
        raise _refuse(
            "measures", f"'{actors[0]}' can be split and filtered by time and environment, not by {others[0]}"
        )
    order = query["order"]
    if order is not None and order.removeprefix("-") not in (*dimensions, *measures):
        raise _refuse("order", "must be a measure or dimension of the query, with - before it for the largest first")


def _rollup(by: Sequence[str], filters: Mapping[str, object], *, of_spans: bool) -> Rollup:
    needed = {*by, *filters}
    choices = (MODEL, KIND, SPAN) if of_spans else (TOTAL, AGENT, TRACE)
    return next(rollup for rollup in choices if needed <= set(rollup.dimensions))


async def _distinct(
    workspace: int,
    connection: Connection,
    asked: Asked,
    name: str,
    by: Sequence[str],
    granularity: Granularity | None,
    filters: Mapping[str, Sequence[object]],
) -> dict[tuple[Any, ...], int]:
    rollup, dimension = _ACTORS[name]
    ask = Ask(rollup, asked.window, (), by, granularity, None, filters)
    rows = await count_distinct(workspace, connection, ask, dimension)
    return {_group(row, by, granularity is not None): row["found"] for row in rows}


def _group(row: Row, by: Sequence[str], with_time: bool) -> tuple[Any, ...]:
    return (row["time"] if with_time else None, *(row[name] for name in by))


def _answer_row(
    row: Row, dimensions: Sequence[str], measures: Sequence[str], distinct: Mapping[str, Mapping[tuple[Any, ...], int]]
) -> dict[str, object]:
    by = [_COLUMNS[name] for name in dimensions if name != "time"]
    group = _group(row, by, "time" in dimensions)
    answer: dict[str, object] = {name: _dimension(row, name) for name in dimensions}
    for name in measures:
        if name in distinct:
            answer[name] = distinct[name].get(group, 0)
        elif name in _PERCENTILES:
            share, ttft = _PERCENTILES[name]
            answer[name] = percentiles_ms(row, (share,), ttft=ttft)[0]
        else:
            answer[name] = _VALUES[name](row) if name in _VALUES else row[_SUMS[name][0]]
    return answer


def _dimension(row: Row, name: str) -> object:
    if name == "time":
        return row["time"]
    value = row[_COLUMNS[name]]
    if name == "status":
        return Status(value).word
    return SpanKind(value).word if name == "kind" else named(value)


def _sort(rows: list[dict[str, Any]], order: str | None, dimensions: Sequence[str], measures: Sequence[str]) -> None:
    for name in reversed(dimensions):
        rows.sort(key=lambda row: (row[name] is None, row[name] if name == "time" else str(row[name])))
    if order is None:
        if "time" not in dimensions:
            rows.sort(key=lambda row: -(row[measures[0]] or 0))
        return
    name = order.removeprefix("-")
    known = [row for row in rows if row[name] is not None]
    unknown = [row for row in rows if row[name] is None]
    known.sort(key=lambda row: row[name], reverse=order.startswith("-"))
    rows[:] = known + unknown


def _refuse(field: str, message: str) -> InvalidFieldsError:
    return InvalidFieldsError("The query is not valid.", details=[FieldProblem(field, message)])
