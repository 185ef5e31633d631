"""LiteLLM's OpenTelemetry callback: Python ``repr`` text, and the provider's raw exchange on a child span."""

from collections.abc import Mapping

from shared.normalisation.messages import read_messages
from shared.normalisation.parts import Message
from shared.normalisation.values import parse_structure

_PREFIX = "llm."
_REQUEST_TAILS = (".messages", ".input", ".contents", ".prompt")
_RESPONSE_TAILS = (".choices", ".content", ".candidates", ".output")
_OWN = frozenset({"llm.prompts", "llm.user", "llm.headers", "llm.model_name"})


def read_raw_input(attributes: Mapping[str, object]) -> list[Message]:
    """Return the messages of the raw request (``llm.openai.messages`` and its like)."""
    return _read(attributes, _REQUEST_TAILS, "user")


def read_raw_output(attributes: Mapping[str, object]) -> list[Message]:
    """Return the messages of the raw response (``llm.openai.choices`` and its like)."""
    return _read(attributes, _RESPONSE_TAILS, "assistant")


def _read(attributes: Mapping[str, object], tails: tuple[str, ...], role: str) -> list[Message]:
    for key in attributes:
        if key.startswith(_PREFIX) and key.endswith(tails) and key.count(".") == 2 and key not in _OWN:
            held = parse_structure(attributes[key])
            if isinstance(held, list) and held and all(isinstance(item, str) for item in held):
                return [{"role": role, "content": str(item)} for item in held]
            if isinstance(held, list | dict):
                return read_messages(held, role)
    return []
