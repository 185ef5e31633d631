"""Traces of AI agents, delivered once to an Agent Observability Platform of your own.

Make a client, and trace a function::

    from agent_observability import AgentObservability

    obs = AgentObservability(api_key="…")  # or AGENTOBS_API_KEY

    @obs.trace()
    def answer(question: str) -> str: ...

Say more with ``obs.trace_context(user_id=…, session_id=…)``, ``obs.span("search", "tool")``, ``obs.set_output(…)``,
``obs.set_usage(…)``, ``obs.score(…)``; let ``obs.instrument()`` trace the libraries you use. ``obs.flush()`` says what
became of every span. Spans are OpenTelemetry's; an application with a set-up of its own may use
``AgentObservabilityExporter`` alone.
"""

from agent_observability.account import DeliveryReport
from agent_observability.client import AgentObservability
from agent_observability.exporter import AgentObservabilityExporter
from agent_observability.spans import Kind, Span
from agent_observability.version import VERSION

__version__ = VERSION
__all__ = ["AgentObservability", "AgentObservabilityExporter", "DeliveryReport", "Kind", "Span", "__version__"]
