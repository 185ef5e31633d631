"""Vercel's AI SDK up to version 6 (``ai.*`` keys); version 7 writes GenAI conventions."""

from collections.abc import Mapping

from shared.normalisation.messages import message_text
from shared.normalisation.parts import Message, read_tool_calls
from shared.normalisation.preview import shorten
from shared.normalisation.values import dump, is_placeholder, parse_json, sequence

CALL_KEYS = frozenset({"ai.response.toolCalls", "ai.result.toolCalls"})
_SETTINGS = "ai.settings."
# Version 7 puts the caller's own context among the settings.
_CONTEXT = "ai.settings.context."
_REASONING = "ai.response.reasoning"


def read_output(attributes: Mapping[str, object]) -> list[Message]:
    """Return the answer, which is spread over keys for text, reasoning, object and tool calls."""
    for prefix in ("ai.response.", "ai.result."):
        parts: list[object] = []
        reasoning = attributes.get(_REASONING) if prefix == "ai.response." else None
        if isinstance(reasoning, str) and reasoning:
            parts.append({"type": "reasoning", "text": reasoning})
        said = attributes.get(prefix + "text")
        if not isinstance(said, str) or not said:
            held = parse_json(attributes.get(prefix + "object"))
            said = held if isinstance(held, str) else dump(held) if held is not None else None
        if isinstance(said, str) and said and not is_placeholder(said):
            parts.append({"type": "text", "text": said})
        calls = read_tool_calls(attributes[prefix + "toolCalls"]) if attributes.get(prefix + "toolCalls") else []
        if parts or calls:
            content: object = parts if len(parts) > 1 else said if parts else None
            message: Message = {"role": "assistant", "content": content}
            if calls:
                message["tool_calls"] = calls
            reason = attributes.get(prefix + "finishReason", attributes.get("ai.finishReason"))
            if isinstance(reason, str):
                message["finish_reason"] = reason
            return [message]
    return []


def preview_calls(value: object) -> str | None:
    """Return the tool calls of an answer as readable text."""
    said = message_text({"role": "assistant", "content": None, "tool_calls": read_tool_calls(value)})
    return shorten(said) if said else None


def read_parameters(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return ``ai.settings.*`` without the caller's context."""
    return {
        key[len(_SETTINGS) :]: parse_json(attributes[key])
        for key in attributes
        if key.startswith(_SETTINGS) and not key.startswith(_CONTEXT)
    }


def read_tool_definitions(attributes: Mapping[str, object]) -> list[object]:
    """Return the definitions in ``ai.prompt.tools``, a list of JSON texts."""
    return [parse_json(item) for item in sequence(attributes.get("ai.prompt.tools"))]


def read_values(attributes: Mapping[str, object]) -> list[object]:
    """Return the texts that were embedded (``ai.value``, ``ai.values``), each sent as JSON text."""
    single = attributes.get("ai.value")
    if single is not None:
        return [parse_json(single)]
    return [parse_json(item) for item in sequence(attributes.get("ai.values"))]
