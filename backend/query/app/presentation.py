"""How stored rows and contents look in an answer."""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.domain import NANO_PER_USD, CostSource, SpanKind, Status
from shared.ids import span_hex, trace_hex
from shared.normalisation.jsonready import json_ready
from shared.normalisation.model import SpanContent

Row = Mapping[str, Any]

STRING_LIMIT_BYTES = 256 * 1024

TRACE_FIELDS = (
    "trace_id",
    "name",
    "agent_id",
    "session_id",
    "user_id",
    "status",
    "start_time",
    "duration_ms",
    "span_count",
    "llm_call_count",
    "tool_call_count",
    "error_count",
    "tokens_input",
    "tokens_output",
    "tokens_total",
    "tokens_cached",
    "tokens_reasoning",
    "cost_usd",
    "cost_source",
    "models",
    "providers",
    "environment",
    "release",
    "tags",
    "metadata",
    "input_preview",
    "output_preview",
    "error",
    "scores",
)


def clipped(value: object) -> object:
    """Return a JSON value with each text of over 256 KiB replaced by an object that says how much of it is shown."""
    if isinstance(value, str):
        return _clipped_text(value)
    if isinstance(value, dict):
        return {key: clipped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clipped(item) for item in value]
    return value


def _clipped_text(text: str) -> object:
    if len(text) <= STRING_LIMIT_BYTES // 4:
        return text
    data = text.encode()
    if len(data) <= STRING_LIMIT_BYTES:
        return text
    shown = data[:STRING_LIMIT_BYTES].decode(errors="ignore")
    return {"truncated": True, "bytes": len(data), "value": shown}


def trace_view(row: Row, scores: Mapping[str, object]) -> dict[str, object]:
    """Return the public form of a row of ``traces``."""
    return {
        "trace_id": row["external_id"] or trace_hex(row["trace_id"].bytes),
        "name": row["name"],
        "agent_id": row["agent_id"],
        "session_id": row["session_id"],
        "user_id": row["user_id"],
        "status": Status(row["status"]).word,
        "start_time": row["start_time"],
        "duration_ms": milliseconds(row["duration_us"]),
        "span_count": row["span_count"],
        "llm_call_count": row["llm_call_count"],
        "tool_call_count": row["tool_call_count"],
        "error_count": row["error_count"],
        **_tokens(row),
        "cost_usd": dollars(row["cost_nano"]),
        "cost_source": CostSource(row["cost_source"]).word,
        "models": row["models"] or [],
        "providers": row["providers"] or [],
        "environment": row["environment"],
        "release": row["release"],
        "tags": row["tags"] or [],
        "metadata": json_ready(orjson.loads(row["metadata"])) if row["metadata"] else {},
        "input_preview": row["input_preview"],
        "output_preview": row["output_preview"],
        "error": _error(row),
        "scores": dict(scores),
    }


def span_view(row: Row, trace_id: str, *, has_payload: bool) -> dict[str, object]:
    """Return the public form of a row of ``spans``."""
    return {
        "span_id": span_hex(row["span_id"]),
        "parent_span_id": None if row["parent_span_id"] is None else span_hex(row["parent_span_id"]),
        "trace_id": trace_id,
        "name": row["name"],
        "kind": SpanKind(row["kind"]).word,
        "status": Status(row["status"]).word,
        "start_time": row["start_time"],
        "duration_ms": milliseconds(row["duration_us"]),
        "agent_id": row["agent_id"],
        "session_id": row["session_id"],
        "user_id": row["user_id"],
        "model": row["model"],
        "model_requested": row["model_requested"],
        "model_provider": row["model_provider"],
        **_tokens(row),
        "cost_usd": dollars(row["cost_nano"]),
        "cost_source": CostSource(row["cost_source"]).word,
        "price_id": row["price_id"],
        "ttft_ms": milliseconds(row["ttft_us"]),
        "tool_name": row["tool_name"],
        "service": row["service"],
        "error": _error(row),
        "has_payload": has_payload,
    }


def content_view(content: SpanContent, *, full: bool) -> dict[str, object]:
    """Return the public form of what a span holds; long texts are clipped unless ``full``."""
    values = {name: getattr(content, name) for name in SpanContent.__dataclass_fields__}
    return values if full else {name: clipped(value) for name, value in values.items()}


def score_value(row: Row) -> object:
    """Return the number, truth value or label of a row of ``scores``."""
    for column in ("value_number", "value_boolean", "value_label"):
        if row[column] is not None:
            return row[column]
    return None


def milliseconds(microseconds: int | None) -> float | None:
    """Return a duration in milliseconds."""
    return None if microseconds is None else microseconds / 1000


def dollars(nano: int | None) -> float | None:
    """Return an amount of money in USD."""
    return None if nano is None else nano / NANO_PER_USD


def _tokens(row: Row) -> dict[str, object]:
    names = ("tokens_input", "tokens_output", "tokens_total", "tokens_cached", "tokens_reasoning")
    return {name: json_ready(row[name]) for name in names}


def _error(row: Row) -> dict[str, object] | None:
    if row["error_type"] is None and row["error_message"] is None:
        return None
    return {"type": row["error_type"], "message": row["error_message"]}
