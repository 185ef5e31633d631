"""Short ways to build spans for tests."""

from collections.abc import Mapping, Sequence

from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.model import SpanRow
from shared.otlp.source import SourceEvent, SourceLog, SourceScope, SourceSpan

TRACE = bytes(range(16))
START = 1_795_224_000_000_000_000


def span(
    attributes: Mapping[str, object] | None = None,
    *,
    name: str = "span",
    scope: str = "test",
    resource: Mapping[str, object] | None = None,
    parent: int | None = None,
    status_code: int = 0,
    status_message: str = "",
    events: Sequence[SourceEvent] = (),
) -> SourceSpan:
    held = dict(attributes or {})
    return SourceSpan(
        trace_id=TRACE,
        span_id=1,
        parent_span_id=parent,
        name=name,
        start_ns=START,
        end_ns=START + 1_000_000,
        status_code=status_code,
        status_message=status_message,
        attributes=held,
        scope=SourceScope(dict(resource or {}), scope, ""),
        events=events,
        attribute_count=len(held),
        raw=repr(sorted(held, key=str)).encode("utf-8", "surrogatepass"),
    )


def log(name: str, body: object = None, attributes: Mapping[str, object] | None = None, *, at: int = 0) -> SourceLog:
    return SourceLog(
        trace_id=TRACE,
        span_id=1,
        time_ns=START + at,
        event_name=name,
        body=body,
        attributes=dict(attributes or {}),
        scope=SourceScope({}, "test", ""),
        raw=name.encode(),
    )


def row(
    span_id: int,
    parent: int | None = None,
    *,
    kind: SpanKind = SpanKind.OTHER,
    status: Status = Status.SUCCESS,
    start: int = 0,
    end: int | None = 1_000,
    tokens: int | None = None,
    cost: int | None = None,
    cost_source: CostSource | None = None,
    **facts: object,
) -> SpanRow:
    made = SpanRow(
        trace_id=TRACE,
        span_id=span_id,
        parent_span_id=parent,
        start_ns=START + start,
        end_ns=None if end is None else START + end,
        name=f"span {span_id}",
        kind=kind,
        status=status,
        tokens_input=tokens,
        tokens_total=tokens,
        cost_nano=cost,
        cost_source=cost_source or (CostSource.UNPRICED if cost is None else CostSource.EXACT),
    )
    for name, value in facts.items():
        setattr(made, name, value)
    return made
