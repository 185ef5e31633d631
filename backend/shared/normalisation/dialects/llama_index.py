"""LlamaIndex through OpenInference: messages as the ``repr`` of its own objects."""

import re

from shared.normalisation.parts import Message

_MARK = "ChatMessage("
_ROLE = re.compile(r"MessageRole\.(\w+)")
_TEXT = re.compile(r"""TextBlock\(block_type='text', text=(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""")


def read_repr(value: str, role: str) -> Message:
    """Return the message in ``ChatMessage(role=<MessageRole.USER: 'user'>, …)``, any other text as it is."""
    if not value.startswith(_MARK):
        return {"role": role, "content": value}
    stated = _ROLE.search(value)
    texts = [first or second for first, second in _TEXT.findall(value)]
    return {"role": stated.group(1).lower() if stated else role, "content": "\n".join(texts) or None}
