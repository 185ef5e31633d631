"""The messages of one span, from whichever of its keys, events and log records holds them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.domain import SpanKind
from shared.normalisation.dialects import (
    genai_events,
    litellm,
    openinference,
    pydantic_logfire,
    traceloop,
    vercel,
)
from shared.normalisation.messages import has_substance, locate, read_messages, system_text
from shared.normalisation.parts import Message
from shared.normalisation.precedence import PRECEDENCE, Fact
from shared.normalisation.values import is_blank, parse_structure
from shared.otlp.source import SourceLog, SourceSpan

# Keys that hold nothing but messages, so that even plain text in them is one.
_MESSAGE_KEYS = frozenset(
    {
        "agentobs.messages",
        "agentobs.output_messages",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "ai.prompt.messages",
        "pydantic_ai.all_messages",
        "all_messages_events",
        "events",
    }
)
_CALL_KEYS = frozenset(
    {
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "tool_arguments",
        "tool_response",
        "tool.parameters",
        "ai.toolCall.args",
        "ai.toolCall.result",
    }
)


@dataclass(slots=True)
class Conversation:
    """Messages given and answered."""

    messages: list[Message] = field(default_factory=list)
    output: list[Message] = field(default_factory=list)


def read_conversation(source: SourceSpan, logs: Sequence[SourceLog], kind: SpanKind) -> Conversation:
    """Return the messages of a span.

    Attributes come first, in the order of the table of precedence, then the span's events, then its log records. Of the
    keys the first whose messages say or call something wins, so that an empty shell does not hide a fuller statement.
    """
    attributes = source.attributes
    found = Conversation(
        _first_substantial(attributes, Fact.INPUT, kind), _first_substantial(attributes, Fact.OUTPUT, kind)
    )
    system = _system(attributes)
    for content in (genai_events.read_events(source.events), genai_events.read_logs(logs)):
        found.messages = found.messages or content.messages
        found.output = found.output or content.output
        system = system or content.system
    if system and all(message["role"] != "system" for message in found.messages):
        found.messages = [{"role": "system", "content": system}, *found.messages]
    found.messages = found.messages or litellm.read_raw_input(attributes)
    found.output = found.output or litellm.read_raw_output(attributes)
    return found


def _system(attributes: Mapping[str, object]) -> str | None:
    for key in PRECEDENCE[Fact.SYSTEM]:
        system = system_text(attributes.get(key))
        if system:
            return system
    return None


def _first_substantial(attributes: Mapping[str, object], fact: Fact, kind: SpanKind) -> list[Message]:
    role = "user" if fact is Fact.INPUT else "assistant"
    for key in PRECEDENCE[fact]:
        messages = _read(attributes, key, role, kind)
        if has_substance(messages):
            return messages
    return []


def _read(attributes: Mapping[str, object], key: str, role: str, kind: SpanKind) -> list[Message]:
    if key.endswith(".*"):
        prefix = key[:-1]
        if not any(name.startswith(prefix) for name in attributes):
            return []
        if prefix.startswith("llm."):
            return openinference.read_indexed_messages(attributes, prefix, role)
        return traceloop.read_indexed_messages(attributes, prefix, role)
    value = attributes.get(key)
    if is_blank(value):
        return []
    if key.startswith(("ai.response.", "ai.result.")):
        return vercel.read_output(attributes)
    if key in pydantic_logfire.RUN_KEYS:
        given, answered = pydantic_logfire.split_run(value)
        return given if role == "user" else answered
    if key == "request_data":
        value = pydantic_logfire.read_request(value)
    if key in _MESSAGE_KEYS:
        return read_messages(value, role)
    if key in _CALL_KEYS or kind not in (SpanKind.LLM, SpanKind.AGENT, SpanKind.CHAIN, SpanKind.OTHER):
        return []
    if kind is SpanKind.LLM:
        return read_messages(value, role)
    # On other spans only what is a conversation counts as one; plain text is input or output.
    parsed = parse_structure(value)
    return read_messages(parsed, role) if locate(parsed) else []
