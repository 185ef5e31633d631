"""Traceloop OpenLLMetry: ``traceloop.*`` entities and, before 0.62, prompts and completions in indexed keys."""

from collections.abc import Mapping

from shared.normalisation.dialects.indexed import items, last_with_role, unflatten
from shared.normalisation.messages import message_text, read_message
from shared.normalisation.parts import Message, read_tool_call
from shared.normalisation.preview import shorten
from shared.normalisation.values import is_placeholder, mapping, parse_json, parse_structure

INPUT_PREFIX = "gen_ai.prompt."
OUTPUT_PREFIX = "gen_ai.completion."
_SUFFIX = ".role"
_ROLES = {
    "user": frozenset({"user", "human"}),
    "assistant": frozenset({"assistant", "ai", "model"}),
}


def read_indexed_messages(attributes: Mapping[str, object], prefix: str, role: str) -> list[Message]:
    """Return the messages below ``prefix``: ``N.role``, ``N.content``, ``N.tool_calls.N.*``, ``N.function_call.*``."""
    messages: list[Message] = []
    for entry in unflatten(attributes, prefix):
        raw: dict[str, object] = {"role": entry.get("role") or role, "content": entry.get("content")}
        calls = [read_tool_call(call) for call in items(entry.get("tool_calls"))]
        function = entry.get("function_call")
        if not calls and isinstance(function, dict):
            calls = [read_tool_call(function)]
        if calls:
            raw["tool_calls"] = calls
        for key in ("tool_call_id", "name", "finish_reason"):
            if isinstance(entry.get(key), str):
                raw[key] = entry[key]
        messages.extend(read_message(raw, role))
    return messages


def indexed_preview(attributes: Mapping[str, object], prefix: str, role: str) -> str | None:
    """Return readable text of the last message by ``role`` below ``prefix``."""
    index = last_with_role(attributes, prefix, _SUFFIX, _ROLES[role])
    content = attributes.get(f"{prefix}{index}.content") if index is not None else None
    if isinstance(content, str) and content and content[0] != "[" and not is_placeholder(content):
        return shorten(content)
    messages = read_indexed_messages(attributes, prefix, role)
    said = message_text(messages[-1]) if messages else None
    return shorten(said) if said else None


def read_tool_definitions(attributes: Mapping[str, object]) -> list[object]:
    """Return the definitions below ``llm.request.functions.``."""
    definitions: list[object] = []
    for entry in unflatten(attributes, "llm.request.functions."):
        definition = {key: entry[key] for key in ("name", "description") if entry.get(key) is not None}
        if entry.get("parameters") is not None:
            definition["parameters"] = parse_json(entry["parameters"])
        definitions.append(definition)
    return definitions


def read_tool_arguments(value: object) -> object:
    """Return the arguments inside what the LangChain instrumentation records around a tool call."""
    parsed = parse_structure(value)
    if isinstance(parsed, dict) and "input_str" in parsed:
        inputs = parsed.get("inputs")
        return inputs if isinstance(inputs, dict) and inputs else parse_structure(parsed["input_str"])
    return parsed


def read_tool_result(value: object) -> object:
    """Return the result inside what the LangChain instrumentation records around a tool call."""
    parsed = parse_structure(value)
    if not isinstance(parsed, dict) or "output" not in parsed or not set(parsed) <= {"output", "kwargs"}:
        return parsed
    output = parsed["output"]
    kwargs = mapping(output).get("kwargs") if isinstance(output, dict) else None
    held = kwargs if isinstance(kwargs, dict) else output
    return held["content"] if isinstance(held, dict) and "content" in held else output
