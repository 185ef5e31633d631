"""Google's Agent Development Kit, 1.x and 2.x (scope ``gcp.vertex.agent``)."""

import re
from collections.abc import Mapping

from shared.domain import SpanKind
from shared.normalisation.usage import Usage, read_usage
from shared.normalisation.values import mapping

SCOPE = "gcp.vertex.agent"
_KINDS = {"invocation": SpanKind.CHAIN, "call_llm": SpanKind.LLM}
_AGENT_RUN = re.compile(r"^agent_run \[(.+)\]$")


def kind_from_name(name: str) -> SpanKind | None:
    """Return the kind that version 1.x states in the span's name only."""
    if name.startswith("agent_run"):
        return SpanKind.AGENT
    return SpanKind.TOOL if name.startswith("execute_tool") else _KINDS.get(name)


def agent_from_name(name: str) -> str | None:
    """Return the agent that version 1.x states in the span's name only (``agent_run [x]``)."""
    found = _AGENT_RUN.match(name)
    return found.group(1) if found else None


def settle_usage(usage: Usage, attributes: Mapping[str, object]) -> None:
    """Add the thoughts that version 1.x leaves out of the output.

    Version 1.39 betrays itself by its experimental key; earlier ones state the thoughts in the recorded response only.
    """
    if usage.output is None:
        return
    if "gen_ai.usage.experimental.reasoning_tokens" in attributes:
        usage.output += usage.reasoning or 0
    elif usage.reasoning is None:
        response = mapping(attributes.get("gcp.vertex.agent.llm_response"))
        stated = read_usage(response.get("usage_metadata"))
        if stated.reasoning:
            usage.reasoning = stated.reasoning
            usage.output += stated.reasoning if usage.output == stated.output else 0
