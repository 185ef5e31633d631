"""Pydantic AI and Logfire: whole runs in one attribute, log spans, placeholders of open spans."""

from shared.domain import SpanKind
from shared.normalisation.messages import read_message
from shared.normalisation.parts import Message
from shared.normalisation.values import mapping, sequence

RUN_KEYS = frozenset({"pydantic_ai.all_messages", "all_messages_events", "events"})
AGENTS_SCOPE = "logfire.openai"
_CHOICE = "gen_ai.choice"
# Logfire's bridge to the OpenAI Agents SDK states the kind in the template of the span's name only.
_NAME_STARTS = (
    ("Agent run", SpanKind.AGENT),
    ("Function:", SpanKind.TOOL),
    ("Handoff", SpanKind.TOOL),
    ("Guardrail", SpanKind.GUARDRAIL),
    ("OpenAI Agents", SpanKind.CHAIN),
)


def kind_from_name(name: str) -> SpanKind | None:
    """Return the kind that a span of the bridge to the OpenAI Agents SDK states in its name."""
    return next((kind for start, kind in _NAME_STARTS if name.startswith(start)), None)


def split_run(value: object) -> tuple[list[Message], list[Message]]:
    """Return what a run was given and what it answered.

    Version 0.4 marks the answer of a model call as a choice; a run of an agent ends with the answer.
    """
    given: list[Message] = []
    answered: list[Message] = []
    for raw in sequence(value):
        if isinstance(raw, dict) and raw.get("event.name") == _CHOICE:
            answered.extend(read_message(raw, "assistant"))
        else:
            given.extend(read_message(raw, "user"))
    if not answered and given and given[-1]["role"] == "assistant":
        answered = [given.pop()]
    return given, answered


def read_request(value: object) -> dict[str, object]:
    """Return ``request_data``, the request as given to the client, without a body that only names the model."""
    request = mapping(value)
    return request if set(request) - {"model", "stream"} else {}
