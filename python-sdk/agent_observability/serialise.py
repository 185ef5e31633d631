"""From any value of an application to text for a span: never raises, never runs for long, never grows without bound."""

import dataclasses
import json
from collections import deque
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any
from uuid import UUID

MAX_TEXT = 65_536
MAX_TOTAL = 262_144
_MAX_DEPTH = 10
_MAX_NODES = 5_000
_PLAIN_DEPTH = 6
_PLAIN_SIZE = 16_384
_SCALARS = frozenset({int, float, bool, type(None)})
_UNREAD = (GeneratorType, AsyncGeneratorType, CoroutineType)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _plain_encoder() -> Callable[[object], str]:
    """Return what encodes plain values; the standard one builds it anew for each value."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _encode
    # No markers: what is plain is not deep, so it has no cycles.
    encode = make(None, _encode, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(encode(value, 0))


_encode_plain = _plain_encoder()


def to_text(value: object) -> str:
    """Return a value as text: a string as it is, anything else as JSON.

    What is too long, too deep, cyclic or not representable is cut or named in its place, with a marker in angle
    brackets.
    """
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    try:
        if _plain_size(value, _PLAIN_DEPTH) <= _PLAIN_SIZE:
            return _encode_plain(value)
    except (_NotPlain, ValueError, RuntimeError):
        pass
    if isinstance(value, str):
        return _cut(str.__str__(value), MAX_TOTAL)
    return _encode(_Reader().read(value, 0))


def to_name(value: object) -> str:
    """Return a value as the text of a name, which is short."""
    return value if type(value) is str else to_text(value)[:1024]


class _NotPlain(Exception):  # noqa: N818
    """The value needs the careful way."""


def _plain_size(value: object, depth: int) -> int:
    """Return about how many characters a small value of built-in types takes.

    Raises:
        _NotPlain: It is something else, too deep or too large.
    """
    kind = type(value)
    if kind is str:
        return len(value)  # type: ignore[arg-type]
    if kind in _SCALARS:
        return 8
    if depth == 0:
        raise _NotPlain
    size = 2
    if kind is dict:
        for key, held in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise _NotPlain
            size += len(key) + 4 + (len(held) if type(held) is str else _plain_size(held, depth - 1))
            if size > _PLAIN_SIZE:
                raise _NotPlain
        return size
    if kind is list or kind is tuple:
        for held in value:  # type: ignore[attr-defined]
            size += 1 + (len(held) if type(held) is str else _plain_size(held, depth - 1))
            if size > _PLAIN_SIZE:
                raise _NotPlain
        return size
    raise _NotPlain


def _cut(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{text[:limit]}<truncated: {len(text) - limit} more characters>"


class _Reader:
    """Turns a value into JSON-ready ones within a budget of nodes and characters."""

    def __init__(self) -> None:
        self._nodes = _MAX_NODES
        self._characters = MAX_TOTAL
        self._path: set[int] = set()

    def read(self, value: object, depth: int) -> object:
        """Return the value, or a marker that says what stands there."""
        self._nodes -= 1
        try:
            return self._read(value, depth)
        except RecursionError:
            return "<truncated: too deep>"
        except Exception as error:
            return f"<{_type_name(value)}: {type(error).__name__} while it was read>"

    def _read(self, value: object, depth: int) -> object:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, Enum):
            return self.read(value.value, depth + 1)
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**64 else self._text(_large(value))
        if isinstance(value, float):
            number = float(value)
            return number if number - number == 0 else str(number)
        if isinstance(value, bytes | bytearray | memoryview):
            return f"<{_type_name(value)}: {len(value)} bytes>"
        if isinstance(value, datetime | date | time):
            return value.isoformat()
        if isinstance(value, timedelta | UUID | PurePath):
            return str(value)
        if isinstance(value, _UNREAD):
            return f"<{_type_name(value)}>"
        return self._container(value, depth)

    def _container(self, value: object, depth: int) -> object:
        if id(value) in self._path:
            return "<cycle>"
        if depth >= _MAX_DEPTH:
            return f"<truncated: {_type_name(value)} too deep>"
        self._path.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, depth)
            if isinstance(value, list | tuple | set | frozenset | deque):
                return self._sequence(value, depth)
            if not isinstance(value, type):
                parts = _parts(value)
                if parts is not None:
                    return self._mapping(parts, depth)
            return self._text(repr(value))
        finally:
            self._path.discard(id(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, object]:
        # A copy, since another thread may change it meanwhile.
        items = list(value.items()) if type(value) is dict else value.items()
        read: dict[str, object] = {}
        for number, (key, held) in enumerate(items):
            if self._is_spent():
                read["<truncated>"] = f"{len(value) - number} more entries"
                break
            name = key if type(key) is str else str(self.read(key, depth + 1))
            self._characters -= len(name)
            read[_cut(name, 1024)] = self.read(held, depth + 1)
        return read

    def _sequence(self, value: Any, depth: int) -> list[object]:
        read: list[object] = []
        for number, held in enumerate(value):
            if self._is_spent():
                read.append(f"<truncated: {len(value) - number} more items>")
                break
            read.append(self.read(held, depth + 1))
        return read

    def _text(self, text: str) -> str:
        text = _cut(text, max(0, min(MAX_TEXT, self._characters)))
        self._characters -= len(text)
        return text

    def _is_spent(self) -> bool:
        return self._nodes <= 0 or self._characters <= 0


def _parts(value: object) -> Mapping[Any, Any] | None:
    """Return the fields of a data class, a Pydantic model or the like, None for other objects."""
    if dataclasses.is_dataclass(value):
        return {item.name: _field(value, item.name) for item in dataclasses.fields(value)}
    model_fields = getattr(type(value), "model_fields", None)
    if isinstance(model_fields, dict):
        extra = getattr(value, "model_extra", None)
        names = [*model_fields, *(extra if isinstance(extra, dict) else ())]
        return {name: _field(value, name) for name in names}
    return None


def _field(value: object, name: str) -> object:
    try:
        return getattr(value, name, None)
    except Exception as error:
        return f"<{_type_name(value)}.{name}: {type(error).__name__} while it was read>"


def _large(value: int) -> str:
    # Text of more digits than the interpreter converts would raise.
    return f"<int of {value.bit_length()} bits>" if value.bit_length() > 4096 else str(value)


def _type_name(value: object) -> str:
    return type(value).__qualname__
