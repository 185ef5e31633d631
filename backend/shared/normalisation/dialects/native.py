"""The platform's own spans as JSON, as the SDKs send them."""

from collections.abc import Iterable, Mapping

from shared.ids import is_hex, span_key, trace_key
from shared.normalisation.dialects.own import moment_of, own_attributes, raw_of, start_of
from shared.normalisation.values import ID_LIMIT, NAME_LIMIT, clean, number, text
from shared.otlp.source import SourceEvent, SourceLink, SourceScope, SourceSpan


def native_to_source(item: Mapping[str, object]) -> SourceSpan:
    """Return a native span; its own ``attributes`` are kept and interpreted where no field states a fact.

    Args:
        item: A validated native span. Its end is ``end_time``, else the start and ``duration_ms``; with neither the
            span is open.
    """
    trace_id = str(item.get("trace_id", ""))
    parent = item.get("parent_span_id")
    start = start_of(item, ("start_time", "timestamp"), 0)
    own = own_attributes(item)
    for field, name in (("tool_arguments", "agentobs.input"), ("tool_result", "agentobs.output")):
        if f"agentobs.{field}" in own:
            own.setdefault(name, own[f"agentobs.{field}"])
    sent = item.get("attributes")
    attributes = {**{str(key): value for key, value in sent.items()}, **own} if isinstance(sent, Mapping) else own
    service = item.get("service")
    return SourceSpan(
        trace_id=trace_key(trace_id),
        span_id=span_key(str(item.get("span_id", ""))),
        parent_span_id=span_key(parent) if isinstance(parent, str) and parent else None,
        name=text(item.get("name"), NAME_LIMIT) or "span",
        start_ns=start,
        end_ns=_end(item, start),
        status_code=2 if item.get("status") in ("error", "timeout") else 1,
        status_message="",
        attributes=attributes,
        scope=SourceScope({"service.name": service} if isinstance(service, str) else {}, "agentobs.native", ""),
        events=[_event(event) for event in _mappings(item.get("events"))],
        links=[_link(link) for link in _mappings(item.get("links"))],
        attribute_count=len(attributes),
        external_trace_id=None if is_hex(trace_id, 32) else clean(trace_id, ID_LIMIT),
        raw=raw_of(item),
    )


def _end(item: Mapping[str, object], start: int) -> int | None:
    end = moment_of(item.get("end_time"))
    if end is not None:
        return end
    duration = number(item.get("duration_ms"))
    return None if duration is None or duration < 0 else start + round(duration * 1_000_000)


def _mappings(value: object) -> Iterable[Mapping[str, object]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _event(event: Mapping[str, object]) -> SourceEvent:
    attributes = event.get("attributes")
    return SourceEvent(
        name=str(event.get("name", "")),
        time_ns=start_of(event, ("time", "timestamp"), 0),
        attributes=dict(attributes) if isinstance(attributes, Mapping) else {},
    )


def _link(link: Mapping[str, object]) -> SourceLink:
    attributes = link.get("attributes")
    return SourceLink(
        trace_id=trace_key(str(link.get("trace_id", ""))),
        span_id=(span_key(str(link.get("span_id", ""))) & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "big"),
        attributes=dict(attributes) if isinstance(attributes, Mapping) else {},
    )
