"""Chat messages in every shape the dialects send, read into one: role, content, tool calls."""

from shared.normalisation.dialects import llama_index
from shared.normalisation.parts import Message, Pieces, read_tool_call, read_tool_calls, result_text
from shared.normalisation.values import dump, is_placeholder, mapping, parse_json, parse_structure

_MAX_DEPTH = 8
_ROLES = {
    "human": "user",
    "ai": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "function": "tool",
    "humanmessage": "user",
    "aimessage": "assistant",
    "aimessagechunk": "assistant",
    "systemmessage": "system",
    "toolmessage": "tool",
    "functionmessage": "tool",
    "humanmessagechunk": "user",
}
_LC_TYPES = frozenset({"human", "ai", "system", "tool", "function", "chat", "AIMessageChunk"})
_ITEM_TYPES = frozenset({"message", "function_call", "function_call_output", "reasoning", "chat_message"})
_EVENT_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
# Where a request or response keeps its messages, the likeliest first.
_CONTAINERS = (
    "messages",
    "choices",
    "generations",
    "candidates",
    "contents",
    "output",
    "input",
    "inputs",
    "outputs",
    "update",
    "message",
    "response",
    "result",
    "prompt",
    "data",
    "kwargs",
    "chat_history",
    "new_messages",
    "return_values",
)
_SYSTEM_KEYS = ("system", "instructions", "system_instruction", "systemInstruction", "system_prompt")


def read_messages(value: object, role: str) -> list[Message]:
    """Return the messages in a request, a response or a list of messages of any vendor.

    Args:
        value: Structure, JSON text, ``repr`` text or plain text.
        role: The role of what states none: ``user`` for inputs, ``assistant`` for outputs.
    """
    parsed = parse_structure(value)
    if isinstance(parsed, str):
        return [] if is_placeholder(parsed) else [{"role": role, "content": parsed}]
    found = locate(parsed)
    messages: list[Message] = []
    for raw in found or ():
        messages.extend(read_message(raw, role))
    if isinstance(parsed, dict):
        if not messages:
            messages = _plain(parsed, role)
        if role == "user":
            _put_system_first(messages, parsed)
    return messages


def _put_system_first(messages: list[Message], request: dict[str, object]) -> None:
    """Add the instructions that a request states beside its messages; responses only echo them."""
    system = system_text(next((request[key] for key in _SYSTEM_KEYS if request.get(key)), None))
    if system is None:
        config = request.get("config")
        system = system_text(config.get("system_instruction")) if isinstance(config, dict) else None
    if system and messages and all(message["role"] != "system" for message in messages):
        messages.insert(0, {"role": "system", "content": system})


def _plain(parsed: dict[str, object], role: str) -> list[Message]:
    """Read requests such as ``{"input": "…"}`` or ``{"prompts": ["…"]}`` that hold text where others hold messages."""
    for key in (
        "messages",
        "chat_history",
        "input",
        "prompt",
        "prompts",
        "question",
        "query",
        "text",
        "output",
        "content",
        "completion",
    ):
        held = parsed.get(key)
        if isinstance(held, list) and held and all(isinstance(item, str) for item in held):
            return [llama_index.read_repr(str(item), role) for item in held]
        if isinstance(held, str) and not is_placeholder(held):
            return [{"role": role, "content": held}]
    return []


def locate(value: object, depth: int = 0) -> list[object] | None:
    """Return the list of raw messages inside a structure, or None when there is none."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return _locate_in_list(value, depth)
    if not isinstance(value, dict):
        return None
    if is_message(value):
        return [value]
    for key in _CONTAINERS:
        held = value.get(key)
        if isinstance(held, dict | list) and held:
            found = locate(held, depth + 1)
            if found:
                return found
    return None


def _locate_in_list(value: list[object], depth: int) -> list[object] | None:
    if not value:
        return None
    if any(isinstance(item, dict) and is_message(item) for item in value[:64]):
        return value
    for item in value[:64]:
        if isinstance(item, dict | list):
            found = locate(item, depth + 1)
            if found:
                return found
    return None


def _word(raw: dict[str, object], key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def is_message(raw: dict[str, object]) -> bool:
    """Return whether a mapping is a message, a choice or an item of any vendor's conversation."""
    if "role" in raw:
        return "content" in raw or "parts" in raw or "tool_calls" in raw or "toolCalls" in raw or len(raw) <= 3
    kind = raw.get("type")
    if isinstance(kind, str):
        if kind in _LC_TYPES:
            return "content" in raw or "data" in raw
        if kind in _ITEM_TYPES:
            return True
        if kind == "constructor":
            return isinstance(raw.get("kwargs"), dict) and "content" in mapping(raw["kwargs"])
        if kind in ("ChatGeneration", "ChatGenerationChunk", "Generation", "GenerationChunk"):
            return True
    if "event.name" in raw:
        return _word(raw, "event.name") in _EVENT_ROLES
    if isinstance(raw.get("message"), dict):
        return "finish_reason" in raw or "index" in raw or "finishReason" in raw or is_message(mapping(raw["message"]))
    if isinstance(raw.get("content"), dict) and "parts" in mapping(raw["content"]):
        return True
    if isinstance(raw.get("blocks"), list):
        return True
    return isinstance(raw.get("parts"), list) and len(raw) <= 4


def read_message(raw: object, role: str, depth: int = 0) -> list[Message]:
    """Return one raw message as canonical messages: tool results inside it become messages of their own."""
    if isinstance(raw, str):
        return [] if is_placeholder(raw) else [{"role": role, "content": raw}]
    if not isinstance(raw, dict) or depth > _MAX_DEPTH:
        return []
    if raw.get("type") == "constructor" and isinstance(raw.get("kwargs"), dict):
        names = raw.get("id")
        name = str(names[-1]).lower() if isinstance(names, list) and names else ""
        kwargs = mapping(raw["kwargs"])
        return read_message({"type": _ROLES.get(name, role), **kwargs}, _ROLES.get(name, role), depth + 1)
    if isinstance(raw.get("data"), dict) and _word(raw, "type") in _LC_TYPES:
        return read_message({"type": raw["type"], **mapping(raw["data"])}, role, depth + 1)
    event = raw.get("event.name")
    if isinstance(event, str) and event in _EVENT_ROLES:
        role = _EVENT_ROLES[event]
    if isinstance(raw.get("message"), dict) and "role" not in raw:
        messages = read_message(raw["message"], role, depth + 1)
        return _finish(messages, raw.get("finish_reason") or raw.get("finishReason"))
    if isinstance(raw.get("content"), dict) and "parts" in mapping(raw["content"]):
        messages = read_message(raw["content"], role, depth + 1)
        return _finish(messages, raw.get("finish_reason") or raw.get("finishReason"))
    if raw.get("type") in ("ChatGeneration", "Generation", "GenerationChunk", "ChatGenerationChunk"):
        return [{"role": role, "content": raw["text"]}] if isinstance(raw.get("text"), str) else []
    return _assemble(raw, _role(raw, role))


def _assemble(raw: dict[str, object], role: str) -> list[Message]:
    pieces = Pieces()
    kind = raw.get("type")
    if kind in ("function_call", "function_call_output", "reasoning"):
        pieces.add(raw)
        role = "assistant"
    elif role == "tool" and not isinstance(raw.get("parts"), list):
        return [_tool_message(raw)]
    else:
        for key in ("reasoning_content", "reasoning"):
            pieces.add_text(raw.get(key), "reasoning")
        content = next((raw[key] for key in ("parts", "content", "blocks") if raw.get(key) is not None), None)
        pieces.add(_content_parts(content))
        if content is None:
            pieces.add_text(raw.get("text"))
            pieces.add_text(raw.get("refusal"))
    known = {call["id"] for call in pieces.tool_calls if call["id"] is not None}
    for call in _listed_calls(raw):
        if call["id"] is None or call["id"] not in known:
            pieces.tool_calls.append(call)
    messages: list[Message] = []
    content = pieces.content()
    if content is not None or pieces.tool_calls or not pieces.results:
        message: Message = {"role": role, "content": content}
        if pieces.tool_calls:
            message["tool_calls"] = pieces.tool_calls
        name = raw.get("name")
        if isinstance(name, str) and name and kind != "function_call":
            message["name"] = name
        messages.append(message)
    messages.extend(pieces.results)
    return _finish(messages, raw.get("finish_reason") or raw.get("finishReason"))


def _content_parts(content: object) -> object:
    """Read content that is a JSON text of typed parts, as indexed keys carry it; other text stays text."""
    if isinstance(content, str) and content[:2] == "[{" and '"type"' in content[:200]:
        parsed = parse_json(content)
        if isinstance(parsed, list) and all(isinstance(item, dict) and "type" in item for item in parsed):
            return parsed
    return content


def _tool_message(raw: dict[str, object]) -> Message:
    content = next((raw[key] for key in ("content", "response", "result", "output") if raw.get(key) is not None), None)
    if isinstance(content, list):
        pieces = Pieces()
        pieces.add(content)
        if pieces.results:
            message = dict(pieces.results[0])
            message["content"] = "\n".join(str(item.get("content") or "") for item in pieces.results)
            return message
    message = {"role": "tool", "content": result_text(content)}
    for key in ("tool_call_id", "toolCallId", "id"):
        if isinstance(raw.get(key), str):
            message["tool_call_id"] = raw[key]
            break
    name = raw.get("name") or raw.get("tool_name")
    if isinstance(name, str):
        message["name"] = name
    return message


def _listed_calls(raw: dict[str, object]) -> list[dict[str, object]]:
    for key in ("tool_calls", "toolCalls"):
        if raw.get(key):
            return read_tool_calls(raw[key])
    extra = raw.get("additional_kwargs")
    if isinstance(extra, dict) and extra.get("tool_calls"):
        return read_tool_calls(extra["tool_calls"])
    call = raw.get("function_call")
    return [read_tool_call(call)] if isinstance(call, dict) and call.get("name") else []


def _finish(messages: list[Message], reason: object) -> list[Message]:
    if isinstance(reason, str) and reason and messages:
        messages[0].setdefault("finish_reason", reason)
    return messages


def _role(raw: dict[str, object], default: str) -> str:
    role = raw.get("role")
    if not isinstance(role, str) or not role:
        kind = raw.get("type")
        role = kind if isinstance(kind, str) and kind in _LC_TYPES | {"user", "assistant"} else default
    role = role.rsplit(".", 1)[-1].lower()
    return _ROLES.get(role, role)


def system_text(value: object) -> str | None:
    """Return system instructions, sent as text, as a list of parts or as a message, as one text."""
    parsed = parse_json(value)
    if isinstance(parsed, str):
        return None if is_placeholder(parsed) else parsed
    if isinstance(parsed, dict) and "parts" in parsed:
        parsed = parsed["parts"]
    pieces = Pieces()
    pieces.add(parsed)
    content = pieces.content()
    return content if isinstance(content, str) else None


def message_text(message: Message) -> str | None:
    """Return what a message says as readable text; tool calls are written like function calls."""
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        return content
    if isinstance(content, list):
        texts = [str(part["text"]) for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if not texts and message.get("tool_calls"):
            content = []
        if not texts:
            texts = [str(part.get("text") or f"[{part.get('type')}]") for part in content if isinstance(part, dict)]
        if texts:
            return "\n".join(texts)
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        return "; ".join(
            f"{call.get('name') or 'tool'}({dump(call['arguments'], 200) if call.get('arguments') is not None else ''})"
            for call in calls
            if isinstance(call, dict)
        )
    return None


def has_substance(messages: list[Message]) -> bool:
    """Return whether any message says or calls something."""
    return any(message.get("content") or message.get("tool_calls") for message in messages)
