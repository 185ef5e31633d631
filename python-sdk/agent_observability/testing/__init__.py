"""For tests of applications: what they trace, in memory, with ids and times that are the same in every run.

::

    from agent_observability.testing import record

    def test_answer():
        with record(obs) as recording:
            answer("Where is my order?")
        assert recording.names() == ["answer"]
        assert recording.spans[0].output == "On its way."

With pytest, the fixture ``agentobs_record`` does the same for the length of a test.
"""

import itertools
import json
from bisect import insort
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import StatusCode, format_span_id, format_trace_id

from agent_observability.account import Account, DeliveryReport
from agent_observability.client import AgentObservability
from agent_observability.context import inherited
from agent_observability.processor import add_missing
from agent_observability.queueing import Record
from agent_observability.spans import INPUT, INPUT_MESSAGES, OUTPUT, OUTPUT_MESSAGES, kind_of
from agent_observability.version import NAME, VERSION

__all__ = ["RecordedSpan", "Recording", "record"]

# 2026-01-01T00:00:00Z; each beginning and each end of a span is a second later than the one before.
_BEGIN_NS = 1_767_225_600_000_000_000
_TICK_NS = 1_000_000_000


@dataclass(frozen=True)
class RecordedSpan:
    """A finished span; ``start_ns`` and ``end_ns`` are nanoseconds since the Unix epoch by the recording's clock."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    error: str | None
    attributes: dict[str, Any]

    @property
    def input(self) -> Any:
        """What the span was given, None when nothing was recorded."""
        return _value(self.attributes, INPUT, INPUT_MESSAGES)

    @property
    def output(self) -> Any:
        """What came out, None when nothing was recorded."""
        return _value(self.attributes, OUTPUT, OUTPUT_MESSAGES)


def _value(attributes: dict[str, Any], *names: str) -> Any:
    text = next((attributes[name] for name in names if name in attributes), None)
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return text


@dataclass
class Recording:
    """What was traced: spans in the order in which they began, and scores, feedback and outcomes by their path."""

    spans: list[RecordedSpan] = field(default_factory=list)
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return the names of the spans."""
        return [span.name for span in self.spans]

    def span(self, name: str) -> RecordedSpan:
        """Return the only span of a name.

        Raises:
            LookupError: There is none, or more than one.
        """
        found = [span for span in self.spans if span.name == name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans are named {name!r}; there are {self.names()}")
        return found[0]

    def children(self, parent: RecordedSpan) -> list[RecordedSpan]:
        """Return the spans directly within another."""
        return [span for span in self.spans if span.parent_id == parent.span_id]


class _Ids(IdGenerator):
    """Counts: the first trace is 1, the first span is 1."""

    def __init__(self) -> None:
        self._traces, self._spans = itertools.count(1), itertools.count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


class _RecordingProcessor(SpanProcessor):
    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._ticks = itertools.count()
        self._started: dict[int, int] = {}

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        self._started[span.get_span_context().span_id] = next(self._ticks)
        add_missing(span, inherited(otel_context.get_current() if parent_context is None else parent_context))

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is None:
            return
        recorded = RecordedSpan(
            name=span.name,
            kind=kind_of(span.attributes or {}),
            trace_id=format_trace_id(context.trace_id),
            span_id=format_span_id(context.span_id),
            parent_id=format_span_id(span.parent.span_id) if span.parent is not None else None,
            start_ns=_BEGIN_NS + self._started.pop(context.span_id) * _TICK_NS,
            end_ns=_BEGIN_NS + next(self._ticks) * _TICK_NS,
            error=span.status.description if span.status.status_code is StatusCode.ERROR else None,
            attributes=dict(span.attributes or {}),
        )
        insort(self._recording.spans, recorded, key=lambda one: one.start_ns)


class _RecordingDelivery:
    """Keeps records where a pipeline would send them."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self.account = Account()

    def put_record(self, record: Record) -> None:
        self._recording.records.append((record.path, record.content))

    def report(self) -> DeliveryReport:
        items = len(self._recording.spans) + len(self._recording.records)
        return DeliveryReport(created=items, stored=items)

    def flush(self, timeout: float) -> DeliveryReport:
        return self.report()

    def finish(self, timeout: float, *, until_stored: bool) -> DeliveryReport:
        return self.report()


@contextmanager
def record(obs: AgentObservability) -> Iterator[Recording]:
    """Record what a client traces instead of delivering it, also of a client without a key.

    Args:
        obs: The client that the application uses.
    """
    recording = Recording()
    provider = TracerProvider(resource=Resource.get_empty(), id_generator=_Ids(), shutdown_on_exit=False)
    provider.add_span_processor(_RecordingProcessor(recording))
    with obs.delivering_to(_RecordingDelivery(recording), provider.get_tracer(NAME, VERSION)):
        yield recording
