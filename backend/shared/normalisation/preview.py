"""Short readable texts for lists: what was asked and what was answered."""

from shared.normalisation.messages import locate, message_text, read_message
from shared.normalisation.values import PREVIEW_LIMIT, clean, dump, is_blank, is_placeholder, parse_json

# Larger values would cost more to parse on the storing path than their preview is worth.
_PARSE_LIMIT = 1024 * 1024
_WRAPPERS = frozenset({"args", "kwargs"})
_SPEAKING = (
    "input",
    "query",
    "question",
    "prompt",
    "text",
    "content",
    "message",
    "user_input",
    "task",
    "q",
    "output",
    "answer",
    "result",
    "response",
    "completion",
    "final_output",
    "value",
    "inputs",
    "outputs",
)


def preview(value: object, role: str) -> str | None:
    """Return readable text of at most 200 characters for a content value.

    Args:
        value: What the span carries, of any shape.
        role: Whose last message to show if it is a conversation: ``user`` or ``assistant``.
    """
    parsed = value
    if isinstance(value, str):
        if value[:1] not in '{["' and value[:1].strip():
            return None if is_placeholder(value) else shorten(value)
        if len(value) <= _PARSE_LIMIT:
            parsed = parse_json(value)
    return _preview(parsed, role, 0)


def _preview(value: object, role: str, depth: int) -> str | None:
    if isinstance(value, str):
        return None if is_placeholder(value) else shorten(value)
    if is_blank(value) or depth > 8:
        return None
    if isinstance(value, dict | list):
        found = locate(value)
        if found:
            return conversation_preview(found, role)
    if isinstance(value, dict):
        if _WRAPPERS.issuperset(value):
            arguments = [item for item in (value.get("args"), value.get("kwargs")) if item]
            return _preview(arguments[0], role, depth + 1) if len(arguments) == 1 else dump(value, PREVIEW_LIMIT)
        for key in _SPEAKING:
            held = value.get(key)
            if isinstance(held, str) and not is_placeholder(held):
                return shorten(held)
            if isinstance(held, dict | list) and held and len(value) == 1:
                return _preview(held, role, depth + 1)
    if isinstance(value, list) and len(value) == 1:
        return _preview(value[0], role, depth + 1)
    return dump(value, PREVIEW_LIMIT) or None


def conversation_preview(raw_messages: list[object], role: str) -> str | None:
    """Return the last text by ``role`` among raw messages, else the last text by anyone."""
    fallback: str | None = None
    for raw in reversed(raw_messages):
        for message in reversed(read_message(raw, role)):
            said = message_text(message)
            if said is None or is_placeholder(said):
                continue
            if message["role"] == role:
                return shorten(said)
            fallback = fallback or said
    return shorten(fallback) if fallback else None


def shorten(value: str) -> str | None:
    """Return the text with runs of white space as one space, cut to the preview's length."""
    head = value[: PREVIEW_LIMIT * 4]
    squeezed = " ".join(head.split())
    if len(value) > len(head) and len(squeezed) <= PREVIEW_LIMIT:
        squeezed += " " * (PREVIEW_LIMIT + 1 - len(squeezed))
    return clean(squeezed, PREVIEW_LIMIT).rstrip() or None
