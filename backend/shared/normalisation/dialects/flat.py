"""The platform's own flat trace: one JSON object that becomes a trace of one span."""

from collections.abc import Mapping

from shared.ids import flat_span_key, is_hex, trace_key
from shared.normalisation.dialects.own import own_attributes, raw_of, start_of
from shared.normalisation.values import ID_LIMIT, NAME_LIMIT, clean, number, text
from shared.otlp.source import SourceScope, SourceSpan


def flat_to_source(item: Mapping[str, object], received_at_ns: int) -> SourceSpan:
    """Return the one span of a flat trace.

    Args:
        item: A validated flat trace; ``latency_ms`` counts milliseconds, ``cost_usd`` US dollars.
        received_at_ns: When the request came, nanoseconds since the Unix epoch; the start if none was stated.
    """
    trace_id = str(item.get("trace_id", ""))
    start = start_of(item, ("timestamp", "start_time"), received_at_ns)
    latency = number(item.get("latency_ms"))
    attributes = own_attributes(item)
    if "agentobs.kind" not in attributes:
        attributes["agentobs.kind"] = "llm" if item.get("model") else "agent"
    failed = item.get("status") in ("error", "timeout")
    return SourceSpan(
        trace_id=trace_key(trace_id),
        span_id=flat_span_key(trace_id),
        parent_span_id=None,
        name=text(item.get("name"), NAME_LIMIT) or text(item.get("agent_id"), NAME_LIMIT) or "trace",
        start_ns=start,
        end_ns=None if latency is None or latency < 0 else start + round(latency * 1_000_000),
        status_code=2 if failed else 1,
        status_message="",
        attributes=attributes,
        scope=SourceScope({}, "agentobs.flat", ""),
        attribute_count=len(attributes),
        external_trace_id=None if is_hex(trace_id, 32) else clean(trace_id, ID_LIMIT),
        raw=raw_of(item),
    )
