"""Short readable texts for lists: what was asked and what was answered."""

from shared.normalisation.messages import locate, message_text, read_message
from shared.normalisation.values import (
    CUT_MARK,
    PREVIEW_LIMIT,
    clean,
    dump,
    is_blank,
    is_placeholder,
    parse_json,
    unwrap_call,
)

# Larger values would cost more to parse on the storing path than their preview is worth.
_PARSE_LIMIT = 1024 * 1024
# Enough to fill a preview of text with ordinary white space.
_HEAD = 260
# What LangChain's instrumentations put around inputs and outputs.
_RUN_KEYS = frozenset({"inputs", "outputs", "output", "input_str", "tags", "metadata", "kwargs"})
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
        called = unwrap_call(value)
        if called is not value:
            return _preview(called, role, depth + 1)
        for key in _SPEAKING:
            held = value.get(key)
            if isinstance(held, str) and not is_placeholder(held):
                return shorten(held)
            if isinstance(held, list) and held and all(isinstance(item, str) for item in held[:8]):
                return _preview(held, role, depth + 1)
            if isinstance(held, dict | list) and held and (len(value) == 1 or _RUN_KEYS.issuperset(value)):
                return _preview(held, role, depth + 1)
    if isinstance(value, list) and value:
        if len(value) == 1:
            return _preview(value[0], role, depth + 1)
        if all(isinstance(item, str) for item in value[:8]):
            return shorten(", ".join(str(parse_json(item)) for item in value[:8]))
    return dump(value, PREVIEW_LIMIT) or None


def conversation_preview(raw_messages: list[object], role: str) -> str | None:
    """Return the last text by ``role`` among raw messages, else the last by a tool or, for inputs, by anyone."""
    fallback: str | None = None
    for raw in reversed(raw_messages):
        for message in reversed(read_message(raw, role)):
            said = message_text(message)
            if said is None or is_placeholder(said):
                continue
            if message["role"] == role:
                return shorten(said)
            if role == "user" or message["role"] not in ("user", "system"):
                fallback = fallback or said
    return shorten(fallback) if fallback else None


def shorten(value: str) -> str | None:
    """Return the text with runs of white space as one space, cut to the preview's length."""
    head = value[:_HEAD]
    # Squeezing costs more than the rest of a preview, and most texts have nothing to squeeze.
    if "\n" in head or "  " in head or "\t" in head or "\r" in head or head[:1] == " ":
        squeezed = " ".join(head.split())
        if len(value) > _HEAD and len(squeezed) < PREVIEW_LIMIT:
            squeezed = f"{squeezed}{CUT_MARK}"
        head = squeezed
    return clean(head, PREVIEW_LIMIT) or None
