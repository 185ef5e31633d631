"""Lenient reading of attribute values: senders write numbers as text, text as JSON and truth values as words."""

import ast
import json
import math
import re
from collections.abc import Iterable
from datetime import datetime

import orjson

NAME_LIMIT = 512
ID_LIMIT = 256
ERROR_LIMIT = 1000
PREVIEW_LIMIT = 200
CUT_MARK = "…"
INT8_MAX = 2**63 - 1
INT4_MAX = 2**31 - 1
JSON_LIMIT = 64 * 1024 * 1024
# The parser of the standard library slows down and nests deeply on long hostile text.
REPR_LIMIT = 32 * 1024

# Texts that stand for content the sender withheld or did not have.
PLACEHOLDERS = frozenset(
    {
        "<elided>",
        "__redacted__",
        "[redacted]",
        "<redacted>",
        "redacted",
        "redacted-by-litellm",
        "n/a",
        "none",
        "null",
        "undefined",
        "{}",
        "[]",
        '""',
        "[scrubbed]",
    }
)
_SCRUBBED = "[scrubbed due to"
_SURROGATES = re.compile("[\ud800-\udfff]")
_UNSET = frozenset({"", "none", "null", "undefined", "unknown", "n/a"})


def clean(value: str, limit: int) -> str:
    """Return the text without NUL and lone surrogates, cut to ``limit`` characters with a visible mark."""
    if len(value) > limit:
        value = value[: limit - 1] + CUT_MARK
    if "\0" in value:
        value = value.replace("\0", "")
    if not value.isascii():
        try:
            # Encoding finds lone surrogates ten times faster than a search does.
            value.encode()
        except UnicodeEncodeError:
            return _SURROGATES.sub("", value)
    return value


def text(value: object, limit: int = ID_LIMIT) -> str | None:
    """Return a scalar as text fit for storing, or None when it says nothing.

    JSON-quoted text is unquoted; words such as ``None`` or a scrubbing mark count as nothing.
    """
    if type(value) is not str:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        value = str(value)
    if len(value) > 1 and value[0] == '"' and value[-1] == '"':
        unquoted = parse_json(value)
        value = unquoted if isinstance(unquoted, str) else value
    value = clean(value, limit).strip()
    if len(value) < 10 and value.lower() in _UNSET:
        return None
    if value[:1] in "[<_" and is_placeholder(value):
        return None
    return value or None


def is_placeholder(value: str) -> bool:
    """Return whether the text only marks content that was withheld, such as ``<elided>`` or ``__REDACTED__``."""
    if len(value) > 200:
        return False
    lowered = value.strip().lower()
    return not lowered or lowered in PLACEHOLDERS or lowered.startswith(_SCRUBBED)


def is_blank(value: object) -> bool:
    """Return whether a content value holds nothing a person could read."""
    if value is None:
        return True
    if isinstance(value, str):
        return is_placeholder(value)
    if isinstance(value, dict):
        return all(held is None for held in value.values())
    return isinstance(value, list | tuple) and not value


def integer(value: object, maximum: int = INT8_MAX) -> int | None:
    """Return a whole, non-negative number clamped to ``maximum``, or None; accepts text and whole doubles."""
    if type(value) is not int:
        if isinstance(value, bool):
            return None
        if isinstance(value, str):
            if len(value) > 64:
                return None
            try:
                value = int(value)
            except ValueError:
                return integer(number(value), maximum)
        if isinstance(value, float):
            if not math.isfinite(value):
                return None
            value = int(value)
    if not isinstance(value, int) or value < 0:
        return None
    return value if value <= maximum else maximum


def number(value: object) -> float | None:
    """Return a finite number, or None; accepts text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > 64:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except OverflowError:
        return None
    return result if math.isfinite(result) else None


def boolean(value: object) -> bool | None:
    """Return a truth value, or None; accepts the words ``true`` and ``false`` in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return None


def parse_json(value: object) -> object:
    """Return what JSON text stands for; anything else, and text that is not JSON, comes back as it is."""
    if not isinstance(value, str) or not value or len(value) > JSON_LIMIT:
        return value
    first = value[0] if value[0] not in " \t\r\n" else value.lstrip()[:1]
    if first not in '{["':
        return value
    try:
        return orjson.loads(value)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return value


def parse_structure(value: object) -> object:
    """Return what JSON text or the ``repr`` of a Python structure stands for; other values come back as they are."""
    parsed = parse_json(value)
    if not isinstance(parsed, str) or not 1 < len(parsed) <= REPR_LIMIT or parsed[0] not in "{[(":
        return parsed
    try:
        return ast.literal_eval(parsed)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return parsed


def mapping(value: object) -> dict[str, object]:
    """Return a mapping, read from JSON or ``repr`` text if need be; an empty one when the value is none."""
    parsed = value if isinstance(value, dict) else parse_structure(value)
    return parsed if isinstance(parsed, dict) else {}


def sequence(value: object) -> list[object]:
    """Return a list, read from JSON or ``repr`` text if need be; an empty one when the value is none."""
    parsed = value if isinstance(value, list) else parse_structure(value)
    return list(parsed) if isinstance(parsed, list | tuple) else []


def first(source: dict[str, object], names: Iterable[str]) -> object:
    """Return the first value under one of the names that is not None."""
    for name in names:
        value = source.get(name)
        if value is not None:
            return value
    return None


def dump(value: object, limit: int | None = None) -> str:
    """Return a value as compact JSON text, readable where JSON has no form for it; cut to ``limit`` characters."""
    try:
        result = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, ValueError, RecursionError):
        # The fast encoder refuses lone surrogates, integers beyond 64 bits and deep nesting.
        try:
            result = json.dumps(value, default=str, ensure_ascii=False, skipkeys=True)
        except (TypeError, ValueError, RecursionError):
            result = ""
    return clean(result, limit) if limit else _SURROGATES.sub("", result)


def unwrap_call(value: object) -> object:
    """Return the arguments of a call recorded as ``{"args": [], "kwargs": {}}`` when only one of both is filled."""
    if isinstance(value, dict) and value and _CALL_KEYS.issuperset(value):
        positional, named = value.get("args"), value.get("kwargs")
        if not positional or not named:
            held = positional or named
            return held[0] if isinstance(held, list) and len(held) == 1 else held
    return value


_CALL_KEYS = frozenset({"args", "kwargs"})


def time_ns(value: object) -> int | None:
    """Return nanoseconds since the Unix epoch of an ISO 8601 text (also JSON-quoted) or a datetime, or None."""
    if isinstance(value, str):
        unquoted = value.strip().strip('"')
        if not 8 <= len(unquoted) <= 64:
            return None
        try:
            value = datetime.fromisoformat(unquoted)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        moment = value if value.tzinfo else value.replace(tzinfo=_UTC)
        delta = moment - _EPOCH
    except (OverflowError, ValueError):
        return None
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_UTC = _EPOCH.tzinfo
