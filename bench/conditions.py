"""Filters and filter trees with values that occur in the data."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# What is known of a trace, by the names of columns.
Example = Mapping[str, Any]
Parameters = list[tuple[str, str]]
Filter = Callable[[random.Random, Sequence[Example]], Parameters]
Tree = Callable[[random.Random, Sequence[Example]], dict[str, Any]]


def example_of(pick: random.Random, examples: Sequence[Example], column: str) -> Example:
    """Return one of the traces that have something in a column."""
    return pick.choice([example for example in examples if example[column]])


def _value(pick: random.Random, examples: Sequence[Example], column: str) -> str:
    value = example_of(pick, examples, column)[column]
    return str(pick.choice(value) if isinstance(value, list) else value)


def _of(name: str, column: str) -> Filter:
    return lambda pick, examples: [(name, _value(pick, examples, column))]


def _one_of(name: str, *values: object) -> Filter:
    return lambda pick, _: [(name, str(pick.choice(values)))]


# Each filter by a name; any two of them make a list.
PAIRED: dict[str, Filter] = {
    "status": _one_of("status", "error", "success"),
    "agent": _of("agent_id", "agent_id"),
    "name": _of("name", "name"),
    "session": _of("session_id", "session_id"),
    "user": _of("user_id", "user_id"),
    "model": _of("model", "models"),
    "provider": _of("provider", "providers"),
    "environment": _of("environment", "environment"),
    "release": _of("release", "release"),
    "tags": _of("tags", "tags"),
    "kind": _one_of("kind", "tool", "retriever", "guardrail", "embedding"),
    "tool": _of("tool_name", "tools"),
    "service": _of("service", "services"),
    "error type": _of("error_type", "error_type"),
    "cost source": _one_of("cost_source", "exact", "unpriced", "partial"),
    "has error": _one_of("has_error", "true", "false"),
    "has feedback": _one_of("has_feedback", "true"),
    "has score": _one_of("has_score", "true"),
    "score": _one_of("min_score.quality", 0.2, 0.5, 0.8),
    "plan": _one_of("metadata.plan", "free", "pro", "enterprise"),
    "least duration": _one_of("min_duration_ms", 500, 5_000, 60_000),
    "most duration": _one_of("max_duration_ms", 300, 3_000, 30_000),
    "least cost": _one_of("min_cost_usd", 0.001, 0.02, 0.5),
    "least tokens": _one_of("min_tokens_total", 1_000, 20_000, 200_000),
    "least spans": _one_of("min_span_count", 5, 20, 100),
    "rating": _one_of("min_feedback", 2, 4),
}  # fmt: skip


def _leaf(field: str, op: str, value: object) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


TREES: dict[str, Tree] = {
    "failing tool": lambda pick, examples: {
        "any_span": {"and": [_leaf("tool_name", "eq", _value(pick, examples, "tools")), _leaf("status", "eq", "error")]}
    },
    "agent or slow model": lambda pick, examples: {
        "or": [
            _leaf("agent_id", "eq", _value(pick, examples, "agent_id")),
            {
                "and": [
                    _leaf("model", "eq", _value(pick, examples, "models")),
                    _leaf("duration_ms", "gt", pick.randint(500, 60_000)),
                ]
            },
        ]
    },
    "long answer outside production": lambda pick, _: {
        "and": [
            {"not": _leaf("environment", "eq", "production")},
            {"any_span": {"and": [_leaf("kind", "eq", "llm"), _leaf("tokens_output", "gt", pick.randint(200, 1500))]}},
        ]
    },
    "all spans": lambda pick, _: {
        "and": [{"all_spans": _leaf("status", "eq", "success")}, _leaf("span_count", "gte", pick.randint(5, 20))]
    },
    "metadata and score": lambda pick, _: {
        "and": [
            _leaf("metadata.plan", "eq", pick.choice(("free", "pro", "enterprise"))),
            _leaf("score.quality", "gte", pick.choice((0.3, 0.6, 0.8))),
        ]
    },
    "part of a text": lambda pick, _: {
        "or": [
            _leaf("error_message", "contains", pick.choice(("timeout", "reset by", "retry after", "delimiter"))),
            _leaf("name", "starts_with", pick.choice(("support", "sales", "billing", "claims"))),
        ]
    },
}
