"""Filter trees and parameters against an evaluator in Python over the same rows, on both engines."""

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query.app.fields import OPS, SPAN_FILTERS, TRACE_FILTERS, Field, FieldType
from query.app.filters import read_query, read_search
from query.app.models.traces import SearchBody, TraceParameters
from query.app.queries import listing
from query.tests.conftest import WORKSPACE
from shared.domain import CostSource, SpanKind, Status
from shared.ids import trace_key
from shared.testing.traces import insert, store_score, store_trace

NOW = datetime.now(UTC).replace(microsecond=0)
RANGE = {"from": (NOW - timedelta(days=3)).isoformat(), "to": (NOW + timedelta(hours=1)).isoformat()}
COUNT = 40
TEXTS = ["alpha", "Beta_2", "50%", "zoë", "a\\b", "x.y"]
_OF_SPANS = {"kinds": "kind", "tools": "tool_name", "services": "service"}


def _maybe(rng: random.Random, value: Any) -> Any:
    return value if rng.random() < 0.7 else None


def _span(rng: random.Random, number: int, start: datetime) -> dict[str, Any]:
    return {
        "span_id": number,
        "start_time": start + timedelta(milliseconds=number),
        "kind": rng.choice(list(SpanKind)),
        "status": rng.choice(list(Status)),
        "name": rng.choice(TEXTS),
        "duration_us": _maybe(rng, rng.choice([1000, 1500, 2000])),
        "cost_source": rng.choice([CostSource.EXACT, CostSource.UNPRICED]),
        "model": _maybe(rng, rng.choice(TEXTS)),
        "tool_name": _maybe(rng, rng.choice(TEXTS)),
        "service": _maybe(rng, rng.choice(TEXTS)),
        "error_type": _maybe(rng, rng.choice(TEXTS)),
        "tokens_input": _maybe(rng, rng.choice([1, 2, 3])),
        "cost_nano": _maybe(rng, rng.choice([10**6, 2 * 10**6])),
        "environment": _maybe(rng, rng.choice(TEXTS)),
    }


def _trace(rng: random.Random, number: int) -> dict[str, Any]:
    start = NOW - timedelta(hours=number * 1.7)
    texts = ("agent_id", "session_id", "user_id", "environment", "release", "error_type", "error_message")
    trace: dict[str, Any] = {name: _maybe(rng, rng.choice(TEXTS)) for name in texts}
    # Some rows are of the time before the lists, and some have full lists that leave something out.
    lists = rng.choice([{}, {"kinds": None, "tools": None, "services": None}])
    spans = [_span(rng, index + 1, start) for index in range(rng.choice([1, 2, 4]))]
    return {
        **trace,
        **lists,
        "trace_id": f"trace-{number}",
        "start_time": start,
        "name": rng.choice(TEXTS),
        "status": rng.choice(list(Status)),
        "cost_source": rng.choice(list(CostSource)),
        "duration_us": _maybe(rng, rng.choice([1000, 1500, 2000])),
        "ttft_us": _maybe(rng, rng.choice([1000, 1500])),
        "error_count": sum(span["status"] != Status.SUCCESS for span in spans),
        "llm_call_count": rng.choice([0, 1]),
        "tokens_total": _maybe(rng, rng.choice([1, 2, 3])),
        "cost_nano": _maybe(rng, rng.choice([10**6, 2 * 10**6])),
        "models": _maybe(rng, rng.sample(TEXTS, 2)),
        "tags": _maybe(rng, rng.sample(TEXTS, 2)),
        "metadata": _maybe(rng, {rng.choice(["a", "b"]): rng.choice(["alpha", 2, 2.5, True, None])}),
        "spans": spans,
        "scores": _maybe(rng, {"quality": rng.choice([0.5, 1.0, True, False, "alpha"])}) or {},
        "feedback": _maybe(rng, rng.choice([-1, 1, 5])),
    }


def make_traces() -> list[dict[str, Any]]:
    rng = random.Random(7)
    return [_trace(rng, number) for number in range(COUNT)]


async def store(connection: asyncpg.Connection, traces: list[dict[str, Any]]) -> None:
    for trace in traces:
        columns = {name: value for name, value in trace.items() if name not in ("trace_id", "scores", "feedback")}
        await store_trace(connection, WORKSPACE, trace["trace_id"], **columns)
        for name, value in trace["scores"].items():
            await store_score(connection, WORKSPACE, trace["trace_id"], name, value)
        if trace["feedback"] is not None:
            key = UUID(bytes=trace_key(trace["trace_id"]))
            row = {"workspace_id": WORKSPACE, "feedback_id": key, "trace_id": key, "created_at": NOW}
            await insert(connection, "feedback", {**row, "rating": trace["feedback"]})


# --- the evaluator ---


def _stored(field: Field, row: Mapping[str, Any]) -> Any:
    columns = {"duration_ms": "duration_us", "ttft_ms": "ttft_us", "cost_usd": "cost_nano"}
    value = row.get(columns.get(field.name, field.name))
    if value is not None and field.type is FieldType.NUMBER:
        return Decimal(int(value)) / field.unit
    return None if value is None else value.word if field.type is FieldType.CHOICE else value


def _values(name: str, row: Mapping[str, Any], fields: Mapping[str, Field]) -> list[Any]:
    """Return what a row has of a field: none, one, or many."""
    if name.startswith("metadata."):
        value = (row["metadata"] or {}).get(name.removeprefix("metadata."))
        return [] if value is None else [value]
    if name.startswith("score."):
        return [row["scores"][name[6:]]] if name[6:] in row["scores"] else []
    field = fields[name]
    if field.name in _OF_SPANS:
        found = [span[_OF_SPANS[field.name]] for span in row["spans"]]
        return [value.word if isinstance(value, SpanKind) else value for value in found if value is not None]
    flags: dict[str, Callable[[], bool]] = {
        "has_error": lambda: row["error_count"] > 0,
        "has_feedback": lambda: row["feedback"] is not None,
        "has_score": lambda: bool(row["scores"]),
        "has_user": lambda: row["user_id"] is not None,
        "has_session": lambda: row["session_id"] is not None,
    }
    if field.name in flags:
        return [flags[field.name]()]
    if field.name == "span_count":
        return [len(row["spans"])]
    value = _stored(field, row) if field.type is not FieldType.LIST else row.get(field.name) or []
    if field.name in ("tool_call_count",):
        value = 0
    return value if isinstance(value, list) else [] if value is None else [value]


def _same(kind: FieldType, found: Any, wanted: Any) -> bool:
    if kind is FieldType.METADATA and isinstance(wanted, str):
        text = found if isinstance(found, str) else {True: "true", False: "false"}.get(found, str(found))
        return bool(text == wanted)
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, str) or isinstance(wanted, str):
        return bool(found == wanted)
    return Decimal(str(found)) == Decimal(str(wanted))


def holds(tree: dict[str, Any], row: Mapping[str, Any], fields: Mapping[str, Field] = TRACE_FILTERS) -> bool:
    if "and" in tree:
        return all(holds(part, row, fields) for part in tree["and"])
    if "or" in tree:
        return any(holds(part, row, fields) for part in tree["or"])
    if "not" in tree:
        return not holds(tree["not"], row, fields)
    if "any_span" in tree:
        return any(holds(tree["any_span"], span, SPAN_FILTERS) for span in row["spans"])
    if "all_spans" in tree:
        return all(holds(tree["all_spans"], span, SPAN_FILTERS) for span in row["spans"])
    name, op, wanted = tree["field"], tree["op"], tree["value"]
    kind = fields[name].type if name in fields else FieldType.METADATA if name[0] == "m" else FieldType.SCORE
    found = _values(name, row, fields)
    if op in ("ne", "not_in"):
        return not holds({**tree, "op": {"ne": "eq", "not_in": "in"}[op]}, row, fields)
    if op == "exists":
        return bool(found) is wanted
    if op in ("eq", "in"):
        return any(_same(kind, value, item) for value in found for item in (wanted if op == "in" else [wanted]))
    if op in ("contains", "starts_with"):
        texts = [value if isinstance(value, str) else {True: "true"}.get(value, str(value)) for value in found]
        if op == "contains":
            return any(wanted.lower() in text.lower() for text in texts)
        return any(text.startswith(wanted) for text in texts)
    return any(_ordered(op, value, wanted) for value in found if not isinstance(value, (str, bool)))


def _ordered(op: str, value: Any, wanted: Any) -> bool:
    left: Any = value if isinstance(value, datetime) else Decimal(str(value))
    right: Any = datetime.fromisoformat(wanted) if isinstance(value, datetime) else Decimal(str(wanted))
    answers: dict[str, bool] = {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}
    return answers[op]


# --- trees ---

_LOOSE = st.sampled_from(["alpha", "2", "true", 2, 2.5, 0.5, 1, True, False])
_NUMBERS = {"duration_ms": [1, 1.5, 1.2, 2], "ttft_ms": [1, 1.5, 1.4], "cost_usd": [0.001, 0.0015, 0.002]}


def _value_of(field: Field | None, name: str, op: str) -> st.SearchStrategy[Any]:
    if op == "exists":
        return st.booleans()
    if op in ("contains", "starts_with"):
        return st.sampled_from([*TEXTS, "B", "b", "_", "%", "a", "\\", "ë", "Ë", "tru", "2"])
    if field is None:
        return st.sampled_from([2, 2.5, 0.5, 1]) if op in ("gt", "gte", "lt", "lte") else _LOOSE
    if field.type in (FieldType.CHOICE, FieldType.CHOICES):
        assert field.words is not None
        return st.sampled_from([member.word for member in field.words])
    if field.type is FieldType.FLAG:
        return st.booleans()
    if field.type is FieldType.TIME:
        return st.sampled_from([(NOW - timedelta(hours=hours)).isoformat() for hours in (0, 1.7, 20)])
    if field.type is FieldType.NUMBER:
        return st.sampled_from(_NUMBERS.get(name, [0, 1, 2, 1.5, -1, 5, 10**25]))
    if field.type is FieldType.TRACE_ID:
        return st.sampled_from(["trace-1", "trace-2", "none"])
    return st.sampled_from(TEXTS)


@st.composite
def leaves(draw: st.DrawFn, fields: Mapping[str, Field]) -> dict[str, Any]:
    open_names = ["metadata.a", "metadata.b", "metadata.none", "score.quality", "score.none"]
    name = draw(st.sampled_from([*fields, *(open_names if fields is TRACE_FILTERS else ())]))
    field = fields.get(name)
    kind = field.type if field else FieldType.METADATA if name.startswith("metadata") else FieldType.SCORE
    op = draw(st.sampled_from(kind.ops))
    value = _value_of(field, name, op)
    return {
        "field": name,
        "op": op,
        "value": draw(st.lists(value, min_size=1, max_size=3) if "in" in op.split("_") else value),
    }


def trees(fields: Mapping[str, Field], deeper: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    def extend(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        lists = st.lists(inner, min_size=1, max_size=3)
        return st.one_of(
            lists.map(lambda parts: {"and": parts}),
            lists.map(lambda parts: {"or": parts}),
            inner.map(lambda part: {"not": part}),
        )

    base: st.SearchStrategy[dict[str, Any]] = leaves(fields)
    if deeper:
        spans = trees(SPAN_FILTERS, deeper=False)
        base = st.one_of(
            base, base, spans.map(lambda part: {"any_span": part}), spans.map(lambda part: {"all_spans": part})
        )
    return st.recursive(base, extend, max_leaves=5)


async def _search(connection: asyncpg.Connection, tree: dict[str, Any] | None, **body: Any) -> list[str]:
    asked = SearchBody.model_validate({**RANGE, "limit": 1000, "filter": tree, **body})
    page = await listing.list_traces(WORKSPACE, connection, read_search(asked, now=NOW))
    assert page.cursor is None
    return [row["external_id"] for row in page.rows]


def _expected(traces: list[dict[str, Any]], tree: dict[str, Any]) -> list[str]:
    return [trace["trace_id"] for trace in traces if holds(tree, trace)]


def _depth(tree: dict[str, Any]) -> int:
    children = [part for value in tree.values() for part in (value if isinstance(value, list) else [value])]
    return 1 + max((_depth(part) for part in children if isinstance(part, dict)), default=0)


async def test_random_trees_find_what_brute_force_finds(each_traces_url: str) -> None:
    traces = make_traces()
    connection = await asyncpg.connect(each_traces_url, timeout=60)
    await store(connection, traces)
    await connection.close()
    loop = asyncio.get_running_loop()

    async def compare(tree: dict[str, Any]) -> None:
        connection = await asyncpg.connect(each_traces_url)
        try:
            assert await _search(connection, tree) == _expected(traces, tree), tree
        finally:
            await connection.close()

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(tree=trees(TRACE_FILTERS))
    def check(tree: dict[str, Any]) -> None:
        if _depth(tree) <= 8:
            asyncio.run_coroutine_threadsafe(compare(tree), loop).result(60)

    await asyncio.to_thread(check)


async def test_every_field_with_every_comparison_finds_what_brute_force_finds(traces_url: str) -> None:
    traces = make_traces()
    connection = await asyncpg.connect(traces_url)
    await store(connection, traces)
    rng = random.Random(1)
    pool = {**{name: (False, name, field) for name, field in TRACE_FILTERS.items()}}
    pool |= {f"any_span.{name}": (True, name, field) for name, field in SPAN_FILTERS.items()}
    compared = 0
    for in_span, name, field in pool.values():
        for op in field.type.ops:
            for _ in range(2):
                value = _sample(rng, field, name, op)
                leaf = {"field": name, "op": op, "value": value}
                tree = {"any_span": leaf} if in_span else leaf
                assert await _search(connection, tree) == _expected(traces, tree), tree
                compared += 1
    assert {op for field in TRACE_FILTERS.values() for op in field.type.ops} == set(OPS)
    assert compared > 400
    await connection.close()


def _sample(rng: random.Random, field: Field, name: str, op: str) -> Any:
    if op == "exists":
        return rng.random() < 0.5
    if op in ("contains", "starts_with"):
        return rng.choice(["a", "B", "50%", "_", "ZO"])
    words = [] if field.words is None else [member.word for member in field.words]
    choices: dict[FieldType, list[Any]] = {
        FieldType.CHOICE: words,
        FieldType.CHOICES: words,
        FieldType.FLAG: [True, False],
        FieldType.TIME: [(NOW - timedelta(hours=hours)).isoformat() for hours in (1.7, 20)],
        FieldType.NUMBER: _NUMBERS.get(name, [0, 1, 2, 1.5]),
        FieldType.TRACE_ID: ["trace-1", "none"],
    }
    values = choices.get(field.type, TEXTS)
    return rng.sample(values, min(2, len(values))) if op in ("in", "not_in") else rng.choice(values)


@pytest.mark.parametrize(
    ("parameters", "tree"),
    [
        ({"agent_id": ["alpha", "50%"]}, {"field": "agent_id", "op": "in", "value": ["alpha", "50%"]}),
        ({"status": ["error"]}, {"field": "status", "op": "eq", "value": "error"}),
        ({"kind": ["tool"]}, {"any_span": {"field": "kind", "op": "eq", "value": "tool"}}),
        ({"tool_name": ["alpha"]}, {"any_span": {"field": "tool_name", "op": "eq", "value": "alpha"}}),
        ({"service": ["alpha"]}, {"any_span": {"field": "service", "op": "eq", "value": "alpha"}}),
        (
            {"tags": ["alpha,zoë"]},
            {"and": [{"field": "tags", "value": "alpha"}, {"field": "tags", "value": "zoë"}]},
        ),
        ({"tags": ["alpha"], "tags_mode": "none"}, {"field": "tags", "op": "not_in", "value": ["alpha"]}),
        ({"has_feedback": True}, {"field": "feedback", "op": "exists", "value": True}),
        ({"has_user": False}, {"not": {"field": "user_id", "op": "exists"}}),
        ({"min_duration_ms": "1.2"}, {"field": "duration_ms", "op": "gte", "value": 1.2}),
        ({"max_cost_usd": "0.0015"}, {"not": {"or": [
            {"field": "cost_usd", "op": "gt", "value": 0.0015}, {"field": "cost_usd", "op": "exists", "value": False},
        ]}}),
        ({"max_feedback": -1}, {"field": "feedback", "op": "lt", "value": 0}),
        ({"name": ["alpha", "50%"], "has_user": True}, {"and": [
            {"field": "name", "op": "in", "value": ["alpha", "50%"]}, {"field": "user_id", "op": "exists"},
        ]}),
        ({"metadata.a": "2"}, {"field": "metadata.a", "value": "2"}),
        ({"score.quality": "0.5"}, {"field": "score.quality", "value": 0.5}),
        ({"score.quality": "true"}, {"field": "score.quality", "value": True}),
        ({"score.quality": "alpha"}, {"field": "score.quality", "value": "alpha"}),
        ({"min_score.quality": "0.6"}, {"field": "score.quality", "op": "gt", "value": 0.5}),
    ],
)  # fmt: skip
async def test_parameters_and_trees_find_the_same(
    database: asyncpg.Connection, parameters: dict[str, Any], tree: dict[str, Any]
) -> None:
    await store(database, make_traces())
    open_filters = [(name, value) for name, value in parameters.items() if "." in name]
    declared = {name: value for name, value in parameters.items() if "." not in name}
    asked = TraceParameters.model_validate({**RANGE, "limit": 1000, **declared})
    page = await listing.list_traces(WORKSPACE, database, read_query(asked, open_filters, now=NOW))
    found = [row["external_id"] for row in page.rows]
    assert found == await _search(database, tree)
    assert 0 < len(found) < COUNT
