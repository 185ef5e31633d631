"""Values made ready for JSON without losing what they are."""

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from shared.normalisation.values import clean

MAX_DEPTH = 64
# The largest integer that JavaScript reads back exactly.
_SAFE_INTEGER = 2**53 - 1
_TOO_DEEP = "[nested deeper than 64 levels]"
_NO_LIMIT = 1 << 62


def json_ready(value: object, depth: int = 0) -> object:
    """Return a value that any JSON reader can hold.

    Bytes become ``{"type": "bytes", "base64": …}``, integers beyond 2^53 text, NaN and infinities the words ``NaN``,
    ``Infinity`` and ``-Infinity``; NUL and lone surrogates are dropped, and nesting ends at 64 levels.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value, _NO_LIMIT)
    if isinstance(value, int):
        return int(value) if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else _integer_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _float_word(value)
    if isinstance(value, bytes | bytearray):
        return {"type": "bytes", "base64": base64.b64encode(value).decode()}
    if depth >= MAX_DEPTH:
        return _TOO_DEEP
    if isinstance(value, Mapping):
        return {clean(str(key), _NO_LIMIT): json_ready(held, depth + 1) for key, held in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_ready(held, depth + 1) for held in value]
    return clean(str(value), _NO_LIMIT)


def json_mapping(value: Mapping[str, object]) -> dict[str, object]:
    """Return a mapping ready for JSON, see ``json_ready``."""
    return {clean(str(key), _NO_LIMIT): json_ready(held, 1) for key, held in value.items()}


def _integer_text(value: int) -> str:
    try:
        return str(value)
    except ValueError:
        # Python refuses to write integers of more than 4,300 digits in decimal.
        return hex(value)


def _float_word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def iso_time(time_ns: int) -> str | None:
    """Return nanoseconds since the Unix epoch as RFC 3339 text in UTC with microseconds; None for 0 or out of range."""
    if time_ns <= 0:
        return None
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return None
    return moment.isoformat().replace("+00:00", "Z")
