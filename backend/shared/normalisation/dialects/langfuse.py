"""Langfuse SDKs (Python 3 to 5, JavaScript 5): ``langfuse.*`` keys with JSON inside."""

from shared.normalisation.usage import Usage, read_usage
from shared.normalisation.values import integer, mapping, number, time_ns


def read_usage_details(value: object) -> Usage:
    """Return the counts of ``langfuse.observation.usage_details``.

    The wrapper of the OpenAI client sends the vendor's object, cached tokens included. The LangChain handler takes the
    details out of ``input`` and ``output`` and sends them beside as ``input_cache_read``, ``output_reasoning`` and so
    on, so there the parts are added again unless the total says otherwise.
    """
    details = mapping(value)
    usage = read_usage(details)
    if usage.input is None and usage.output is None:
        return usage
    if "input" not in details and "output" not in details:
        return usage
    inputs = sum(integer(count) or 0 for key, count in details.items() if key.startswith("input_"))
    outputs = sum(integer(count) or 0 for key, count in details.items() if key.startswith("output_"))
    plain = (usage.input or 0) + (usage.output or 0)
    if (inputs or outputs) and (usage.total is None or usage.total != plain):
        usage.input = None if usage.input is None else usage.input + inputs
        usage.output = None if usage.output is None else usage.output + outputs
        usage.total = (usage.input or 0) + (usage.output or 0)
    return usage


def read_cost(value: object) -> float | None:
    """Return the USD in a cost object: its total, else the sum of its parts."""
    direct = number(value)
    if direct is not None:
        return direct
    details = mapping(value)
    for key in ("total", "total_cost", "totalCost"):
        total = number(details.get(key))
        if total is not None:
            return total
    parts = [cost for key, held in details.items() if key != "currency" and (cost := number(held)) is not None]
    return sum(parts) if parts else None


def read_first_token(value: object, start_ns: int) -> int | None:
    """Return microseconds from the start until ``completion_start_time``, which is sent as JSON-quoted ISO 8601."""
    moment = time_ns(value)
    return (moment - start_ns) // 1000 if moment is not None and moment >= start_ns else None
