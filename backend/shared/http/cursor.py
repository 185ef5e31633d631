"""Cursors of lists: where the next page starts, in a form that clients pass back unread.

A cursor is not signed: it holds nothing but a position, and every query takes the workspace from the credential.
"""

import base64
import binascii
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

import orjson

from shared.errors import FieldProblem, InvalidFieldsError
from shared.ids import is_hex

MAX_CURSOR_LENGTH = 2048
_INT8 = 1 << 63

Reader = Callable[[Any], Any]


def encode_cursor(kind: str, *values: object) -> str:
    """Return a cursor.

    Args:
        kind: Names the list and its order, so that a cursor of another list or order is refused.
        values: The last row's sort values; text, numbers, None, times, UUIDs, and bytes of a trace key.
    """
    plain = [value.hex() if isinstance(value, bytes) else value for value in values]
    document = orjson.dumps([kind, *plain], default=str, option=orjson.OPT_UTC_Z)
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


def decode_cursor(text: str, kind: str, readers: Sequence[Reader]) -> tuple[Any, ...]:
    """Return the values of a cursor, each checked by the reader in its place.

    Raises:
        InvalidFieldsError: The cursor was not made by ``encode_cursor`` for this kind of list.
    """
    if len(text) > MAX_CURSOR_LENGTH:
        _refuse()
    try:
        document = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        _refuse()
    if not isinstance(document, list) or len(document) != len(readers) + 1 or document[0] != kind:
        _refuse()
    try:
        return tuple(reader(value) for reader, value in zip(readers, document[1:], strict=True))
    except (TypeError, ValueError, OverflowError):
        _refuse()


def read_integer(value: object) -> int:
    """Read a whole number that fits into 64 bits."""
    if not isinstance(value, int) or isinstance(value, bool) or not -_INT8 <= value < _INT8:
        raise ValueError("no 64-bit integer")
    return value


def read_number(value: object) -> float:
    """Read a number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError("no number")
    return float(value)


def read_text(value: object) -> str:
    """Read a text without NUL, which PostgreSQL does not take."""
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("no text")
    return value


def read_time(value: object) -> datetime:
    """Read a time with zone."""
    moment = datetime.fromisoformat(read_text(value))
    if moment.tzinfo is None:
        raise ValueError("no zone")
    return moment.astimezone(UTC)


def read_uuid(value: object) -> uuid.UUID:
    """Read a UUID."""
    return uuid.UUID(read_text(value))


def read_trace_key(value: object) -> bytes:
    """Read the key of a trace."""
    text = read_text(value)
    if not is_hex(text, 32):
        raise ValueError("no trace key")
    return bytes.fromhex(text)


def optional(reader: Reader) -> Reader:
    """Return a reader that also takes None."""
    return lambda value: None if value is None else reader(value)


def _refuse() -> NoReturn:
    raise InvalidFieldsError(
        "The cursor is not valid.", details=[FieldProblem("cursor", "is not a cursor of this list and order")]
    )
