"""Where OpenTelemetry hands over spans: those of this package and of every instrumentation in the process."""

from collections.abc import Mapping, Sequence

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from agent_observability.context import attributes_of, inherited
from agent_observability.duplicates import Duplicates
from agent_observability.guard import guard
from agent_observability.instrumentation import switched_on
from agent_observability.pipeline import Pipeline
from agent_observability.version import NAME


class DeliveringProcessor(SpanProcessor):
    """Gives spans what their context says, and takes them when they have ended."""

    def __init__(self, pipeline: Pipeline, *, defaults: Mapping[str, str], sample_rate: float) -> None:
        """Build a processor.

        Args:
            pipeline: Where spans go.
            defaults: Attributes for the roots of traces, where the provider's resource is not ours.
            sample_rate: Share of traces to keep, where the provider's sampler is not ours.
        """
        self._pipeline = pipeline
        self._defaults = dict(defaults)
        self._duplicates = Duplicates(switched_on)
        self._bound = None if sample_rate >= 1 else TraceIdRatioBased.get_bound_for_rate(sample_rate)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add what the context hands down and the span does not say itself."""
        try:
            scope = span.instrumentation_scope
            # Spans of this package begin with what their context hands down.
            if scope is None or scope.name != NAME:
                handed = inherited(otel_context.get_current() if parent_context is None else parent_context)
                if handed:
                    add_missing(span, handed)
                self._duplicates.begin(span)
            if self._defaults and (span.parent is None or span.parent.is_remote):
                add_missing(span, self._defaults)
        except Exception as error:
            guard.failed(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Take a finished span."""
        try:
            context = span.context
            if context is None or not context.trace_flags.sampled:
                return
            if self._bound is not None and context.trace_id & TraceIdRatioBased.TRACE_ID_LIMIT >= self._bound:
                self._pipeline.account.sample()
                return
            kept = self._duplicates.settle(span)
            if kept is not None:
                self._pipeline.put_span(kept)
        except Exception as error:
            guard.failed(error)

    def shutdown(self) -> None:
        """Leave delivering to the client, which outlives providers."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver everything that has ended; return whether the platform has it."""
        return self._pipeline.flush(timeout_millis / 1000).complete


def add_missing(span: Span, attributes: Mapping[str, str]) -> None:
    """Set the attributes that a span does not have."""
    held = attributes_of(span)
    for name, value in attributes.items():
        if name not in held:
            span.set_attribute(name, value)


class CountingSampler(Sampler):
    """Samples whole traces and counts what it leaves out."""

    def __init__(self, pipeline: Pipeline, rate: float) -> None:
        """Build a sampler that keeps this share of traces, and the rest of those that were begun elsewhere."""
        self._pipeline = pipeline
        self._rate = rate
        self._sampler = ParentBased(TraceIdRatioBased(rate))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Return what OpenTelemetry's own sampler says."""
        result = self._sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.DROP:
            self._pipeline.account.sample()
        return result

    def get_description(self) -> str:
        """Return what this sampler is called."""
        return f"CountingTraceIdRatioBased{{{self._rate}}}"
