"""What holds for everything within a trace context: handed down in OpenTelemetry's own context."""

from collections.abc import Mapping

from opentelemetry import context as otel_context
from opentelemetry.context import Context

USER_ID = "user.id"
SESSION_ID = "session.id"
AGENT_NAME = "gen_ai.agent.name"
ENVIRONMENT = "deployment.environment.name"
RELEASE = "agentobs.release"

_INHERITED = otel_context.create_key("agentobs-inherited")
_NOTHING: Mapping[str, str] = {}


def inherited(context: Context | None = None) -> Mapping[str, str]:
    """Return the attributes that spans begun in a context inherit."""
    held = otel_context.get_value(_INHERITED, context)
    return held if isinstance(held, dict) else _NOTHING


def with_inherited(attributes: Mapping[str, str], context: Context) -> Context:
    """Return a context in which spans inherit these attributes too."""
    return otel_context.set_value(_INHERITED, {**inherited(context), **attributes}, context)
