"""Which spans hand the work over to another agent: the forms in which frameworks say so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain import SpanKind
from shared.normalisation.model import SpanContent
from shared.normalisation.values import ID_LIMIT, mapping, text

# OpenInference names the target in the span's name, Sentry both ends, OpenLLMetry both with an arrow.
_NAMES = (
    re.compile(r"handoff from (?P<source>.+) to (?P<target>.+)", re.IGNORECASE | re.DOTALL),
    re.compile(r"handoff to (?P<target>.+)", re.IGNORECASE | re.DOTALL),
    re.compile(r"(?P<source>.+?) (?:→|->) (?P<target>.+)\.handoff", re.IGNORECASE | re.DOTALL),
)
# Logfire's bridge keeps the template of the name; the ends are attributes.
_TEMPLATE = re.compile(r"handoff\b.*(?:→|->|\{to_agent)", re.IGNORECASE | re.DOTALL)
# Tools with which the model of LangGraph, AutoGen, OpenAI Agents or Semantic Kernel passes the turn on.
_TOOL = re.compile(r"(?:handoff-)?(?:transfer|hand_?off)_to_(?P<target>.+)", re.IGNORECASE)
# Tools of ADK, Strands, LlamaIndex, Agno and CrewAI, which take the target as an argument.
_TOOLS_WITH_ARGUMENT = frozenset(
    {
        "transfer_to_agent",
        "handoff_to_agent",
        "handoff",
        "transfer_task_to_member",
        "delegate_task_to_member",
        "delegate_work_to_coworker",
    }
)
_BACK = "transfer_back_to_"
_TARGET_ARGUMENTS = ("agent_name", "to_agent", "target_agent", "member_id", "coworker", "agent")
_SOURCE_KEYS = ("gen_ai.handoff.from_agent", "from_agent")
_TARGET_KEYS = ("gen_ai.handoff.to_agent", "to_agent")


@dataclass(frozen=True, slots=True)
class Handoff:
    """Ends of a hand-off; ``source`` is None where it is the agent that ran the span, ``target`` while it is unknown.

    With an unknown target the span's content states it, see ``complete_handoff``.
    """

    source: str | None
    target: str | None


def read_handoff(kind: SpanKind, name: str, tool_name: str | None) -> Handoff | None:
    """Return the hand-off that a span is by its name or its tool's, None when it is none.

    Args:
        kind: Kind of the span; only tools and spans that say nothing of themselves hand over.
        name: Name of the span.
        tool_name: Name of the tool.
    """
    if kind is not SpanKind.TOOL and kind is not SpanKind.OTHER and kind is not SpanKind.CHAIN:
        return None
    for form in _NAMES:
        found = form.fullmatch(name)
        if found:
            ends = found.groupdict()
            return Handoff(text(ends.get("source")), text(ends["target"]))
    if _TEMPLATE.match(name):
        return Handoff(None, None)
    if kind is not SpanKind.TOOL or not tool_name:
        return None
    tool = tool_name.strip().lower().replace(" ", "_")
    if tool in _TOOLS_WITH_ARGUMENT:
        return Handoff(None, None)
    if tool.startswith(_BACK):
        return Handoff(None, text(tool_name.strip()[len(_BACK) :]))
    found = _TOOL.fullmatch(tool_name.strip())
    return Handoff(None, text(found["target"])) if found else None


def complete_handoff(handoff: Handoff, content: SpanContent) -> Handoff:
    """Return a hand-off with the ends that the content of its span states."""
    arguments = mapping(content.tool_arguments if content.tool_arguments is not None else content.input)
    source = handoff.source or _first(content.attributes, _SOURCE_KEYS)
    target = handoff.target or _first(content.attributes, _TARGET_KEYS) or _first(arguments, _TARGET_ARGUMENTS)
    return Handoff(source, target)


def _first(values: Mapping[str, object], keys: tuple[str, ...]) -> str | None:
    return next((found for key in keys if (found := text(values.get(key), ID_LIMIT))), None)
