"""Finding OpenTelemetry's tracer provider, or setting one up."""

import os
from collections.abc import Mapping

from opentelemetry import trace as otel_trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from agent_observability.config import Settings
from agent_observability.context import ENVIRONMENT, RELEASE
from agent_observability.pipeline import Pipeline
from agent_observability.processor import CountingSampler, DeliveringProcessor

# Conversations of many messages have more attributes than the 128 that OpenTelemetry keeps, and lose the oldest.
_MAX_ATTRIBUTES = 4_096
_ATTRIBUTE_LIMITS = ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")


def provide(settings: Settings, pipeline: Pipeline) -> otel_trace.TracerProvider:
    """Return a provider whose spans go to the pipeline: the global one, or a new one that becomes it."""
    present = otel_trace.get_tracer_provider()
    if isinstance(present, TracerProvider):
        attach(present, settings, pipeline)
        return present
    if not isinstance(present, otel_trace.ProxyTracerProvider):
        # A provider of another kind takes no processors; spans of its own do not reach this package.
        return _new_provider(settings, pipeline)
    provider = _new_provider(settings, pipeline)
    otel_trace.set_tracer_provider(provider)
    return provider


def attach(provider: TracerProvider, settings: Settings, pipeline: Pipeline) -> None:
    """Let the spans of a provider that somebody else has set up go to the pipeline too, once."""
    if provider in pipeline.providers:
        return
    pipeline.providers.add(provider)
    defaults = {
        name: value
        for name, value in ((ENVIRONMENT, settings.environment), (RELEASE, settings.release))
        if value is not None
    }
    provider.add_span_processor(DeliveringProcessor(pipeline, defaults=defaults, sample_rate=settings.sample_rate))


def _new_provider(settings: Settings, pipeline: Pipeline) -> TracerProvider:
    is_limited = any(name in os.environ for name in _ATTRIBUTE_LIMITS)
    provider = TracerProvider(
        resource=Resource.create(_resource(settings)),
        sampler=CountingSampler(pipeline, settings.sample_rate) if settings.sample_rate < 1 else None,
        span_limits=SpanLimits() if is_limited else SpanLimits(max_span_attributes=_MAX_ATTRIBUTES),
        shutdown_on_exit=False,
    )
    pipeline.providers.add(provider)
    provider.add_span_processor(DeliveringProcessor(pipeline, defaults={}, sample_rate=1.0))
    return provider


def _resource(settings: Settings) -> Mapping[str, str]:
    stated = {
        "service.name": settings.service_name,
        ENVIRONMENT: settings.environment,
        "service.version": settings.release,
    }
    return {name: value for name, value in stated.items() if value is not None}
