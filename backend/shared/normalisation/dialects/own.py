"""Fields of the platform's own JSON as attributes in its own namespace, which wins over every other dialect."""

from collections.abc import Mapping

import orjson

from shared.normalisation.values import dump, number, time_ns

PREFIX = "agentobs."
# The public field and the attribute it becomes.
_FIELDS = {
    "kind": "kind",
    "agent_id": "agent_id",
    "session_id": "session_id",
    "user_id": "user_id",
    "model": "model",
    "model_requested": "model_requested",
    "model_provider": "model_provider",
    "tokens_input": "tokens_input",
    "tokens_output": "tokens_output",
    "tokens_total": "tokens_total",
    "tokens_cached": "tokens_cached",
    "tokens_cache_write": "tokens_cache_write",
    "tokens_reasoning": "tokens_reasoning",
    "cost_usd": "cost_usd",
    "ttft_ms": "ttft_ms",
    "tool_name": "tool_name",
    "environment": "environment",
    "release": "release",
    "tags": "tags",
    "metadata": "metadata",
    "response_id": "response_id",
    "status": "status",
    "input": "input",
    "output": "output",
    "messages": "messages",
    "output_messages": "output_messages",
    "tool_arguments": "tool_arguments",
    "tool_result": "tool_result",
    "tool_definitions": "tool_definitions",
    "documents": "documents",
    "parameters": "parameters",
    "system": "system",
    "prompt_name": "prompt_name",
    "prompt_version": "prompt_version",
}
# A number of this many digits can only be milliseconds, more digits microseconds or nanoseconds.
_UNITS = ((1e17, 1), (1e14, 1_000), (1e11, 1_000_000), (0.0, 1_000_000_000))


def own_attributes(item: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a flat trace or native span as ``agentobs.*`` attributes; what is absent stays absent."""
    attributes: dict[str, object] = {
        PREFIX + name: item[field] for field, name in _FIELDS.items() if item.get(field) is not None
    }
    error = item.get("error")
    if isinstance(error, Mapping):
        for name in ("type", "message"):
            if error.get(name) is not None:
                attributes[f"{PREFIX}error.{name}"] = error[name]
    elif isinstance(error, str) and error:
        attributes[f"{PREFIX}error.message"] = error
    return attributes


def raw_of(item: Mapping[str, object]) -> bytes:
    """Return the item as JSON that does not depend on the order of its fields."""
    try:
        return orjson.dumps(item, default=str, option=orjson.OPT_SORT_KEYS)
    except (TypeError, ValueError):
        return dump(item).encode()


def moment_of(value: object) -> int | None:
    """Return nanoseconds since the Unix epoch of RFC 3339 text or of a number in s, ms, µs or ns, told by its size."""
    moment = time_ns(value)
    if moment is not None:
        return moment
    count = value if isinstance(value, int) and not isinstance(value, bool) else number(value)
    if count is None or not 0 < count < 2**63:
        return None
    factor = next(factor for floor, factor in _UNITS if count >= floor)
    return count * factor if isinstance(count, int) else round(count * factor)


def start_of(item: Mapping[str, object], names: tuple[str, ...], fallback_ns: int) -> int:
    """Return the start that an item states under one of the names, else the fallback."""
    return next((moment for name in names if (moment := moment_of(item.get(name))) is not None), fallback_ns)
