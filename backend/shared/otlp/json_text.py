"""Reading JSON bodies of senders that do not keep to the letter of RFC 8259."""

import json
import re
from contextlib import suppress
from typing import Any

import orjson

_BOM = b"\xef\xbb\xbf"
_SURROGATES = re.compile("[\ud800-\udfff]")


def read_json(body: bytes, *, exact: bool = False) -> Any:
    """Return the value in a JSON text.

    Beyond RFC 8259 a byte order mark is skipped, bytes that are not UTF-8 become U+FFFD, and NaN, Infinity and lone
    surrogates (which JavaScript writes when it cuts a text in two) are read. Surrogates stay in the strings; see
    ``clean_text``.

    Args:
        body: The text.
        exact: Whether integers beyond 64 bits stay integers rather than become floats; takes several times as long.

    Raises:
        ValueError: The text is not JSON, or is nested too deeply.
    """
    body = body.removeprefix(_BOM)
    if not exact:
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(body)
    try:
        return json.loads(body.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def clean_text(text: str) -> str:
    """Return a text that can be encoded, with U+FFFD for each lone surrogate."""
    return _SURROGATES.sub("\ufffd", text)
