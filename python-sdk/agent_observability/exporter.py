"""The exporter alone, for applications with an OpenTelemetry set-up of their own."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from agent_observability.account import DeliveryReport
from agent_observability.config import resolve
from agent_observability.guard import guard, notices
from agent_observability.pipeline import Pipeline, pipeline_for


class AgentObservabilityExporter(SpanExporter):
    """Takes finished spans from any span processor and delivers them as the client does, with spool and receipts."""

    def __init__(self, api_key: str | None = None, endpoint: str | None = None, **settings: Any) -> None:
        """Set up delivering; the settings are those of ``AgentObservability``.

        Args:
            api_key: Key of a workspace; ``AGENTOBS_API_KEY`` unless given.
            endpoint: Address of the platform's gateway; ``AGENTOBS_ENDPOINT`` unless given.
            settings: Further settings.
        """
        resolved = resolve({"api_key": api_key, "endpoint": endpoint, **settings})
        self._pipeline: Pipeline | None = None
        if resolved.api_key and not resolved.disabled:
            self._pipeline = pipeline_for(resolved)
        else:
            notices.warn("no_key", "Nothing is exported: there is no API key. Set AGENTOBS_API_KEY or pass api_key.")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Take spans; they are delivered in the background, whatever happens to the platform meanwhile."""
        if self._pipeline is not None:
            with guard:
                for span in spans:
                    self._pipeline.put_span(span)
        return SpanExportResult.SUCCESS

    def report(self) -> DeliveryReport:
        """Return what became of everything so far."""
        return DeliveryReport() if self._pipeline is None else self._pipeline.report()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send everything now; return whether the platform has stored it within the time, in milliseconds."""
        return self._pipeline is None or self._pipeline.flush(timeout_millis / 1000).complete

    def shutdown(self) -> None:
        """Bring what is in memory to safety."""
        if self._pipeline is not None:
            with guard:
                self._pipeline.finish(2.0, until_stored=False)
