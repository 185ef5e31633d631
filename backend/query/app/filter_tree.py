"""Filter trees: what a request writes as JSON, read into conditions with values fit for the database.

Every comparison ends as one of a few: ``in``, an order, ``contains``, ``starts_with`` or ``exists``; the others are
their negations. A value that is absent fulfils no comparison, so ``ne`` and ``not_in`` hold for it.
"""

import re
import unicodedata
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, NoReturn

from query.app.fields import METADATA_PREFIX, OPS, SCORE_PREFIX, SPAN_FILTERS, TRACE_FILTERS, Field, FieldType
from shared.errors import FieldProblem, InvalidFieldsError
from shared.http.parameters import suggest
from shared.http.ranges import parse_time
from shared.ids import trace_key

MAX_DEPTH = 8
MAX_LEAVES = 50
MAX_VALUES = 100
LONGEST_TEXT = 512
LONGEST_KEY = 256
_LARGEST = 2**63 - 1
_NEGATED = {"ne": "eq", "not_in": "in"}
_SPAN_NODES = ("any_span", "all_spans")
_NODES = ("and", "or", "not", *_SPAN_NODES)
_LEAF_NAMES = ("field", "op", "value")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Every:
    """Holds when all parts hold."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """Holds when any part holds."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    """Holds when its part does not."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class SpanMatch:
    """Holds for a trace with a span for which its part holds."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; ``value`` is in the unit of the database, and a list for ``in``.

    ``key`` is that of ``metadata.KEY`` and the name of ``score.NAME``.
    """

    field: Field
    op: str
    value: Any
    key: str | None = None


Node = Every | Either | Negation | SpanMatch | Comparison


def compare(name: str, op: str, value: object, path: str | None = None) -> Node:
    """Return the node of one comparison with a field of traces.

    Args:
        name: Public name of the field.
        op: One of ``OPS``.
        value: As JSON has it; numbers may be ``Decimal``.
        path: What an error names; the field unless given.

    Raises:
        InvalidFieldsError: The value does not fit the field.
    """
    return _comparison(*_find_field(name, TRACE_FILTERS, path or name), op, value, path or name)


def read_tree(document: object, path: str = "filter") -> Node:
    """Return the node that a filter tree describes.

    Args:
        document: The tree as JSON has it.
        path: Where it stands in the request.

    Raises:
        InvalidFieldsError: Names the place in the tree, such as ``filter.and.1.field``, and what is allowed there.
    """
    return _Reader().read(document, path, TRACE_FILTERS, 1)


class _Reader:
    def __init__(self) -> None:
        self._leaves = 0

    def read(self, document: object, path: str, fields: Mapping[str, Field], depth: int) -> Node:
        if depth > MAX_DEPTH:
            _refuse(path, f"is nested deeper than {MAX_DEPTH} levels")
        if not isinstance(document, dict):
            _refuse(path, 'must be an object such as {"field": "status", "op": "eq", "value": "error"}')
        if "field" in document:
            return self._read_leaf(document, path, fields)
        if len(document) != 1:
            _refuse(path, f"must have exactly one of {', '.join(_NODES)}, or field, op and value")
        ((name, content),) = document.items()
        if name not in _NODES or (name in _SPAN_NODES and fields is SPAN_FILTERS):
            known = _NODES if fields is TRACE_FILTERS else _NODES[:3]
            _refuse(_below(path, name), suggest(name, (*known, *_LEAF_NAMES), "part of a filter"))
        inner = f"{path}.{name}"
        if name in ("and", "or"):
            return self._read_list(name, content, inner, fields, depth)
        if name == "not":
            return Negation(self.read(content, inner, fields, depth + 1))
        part = self.read(content, inner, SPAN_FILTERS, depth + 1)
        return SpanMatch(part) if name == "any_span" else Negation(SpanMatch(Negation(part)))

    def _read_list(self, name: str, content: object, path: str, fields: Mapping[str, Field], depth: int) -> Node:
        if not isinstance(content, list) or not 1 <= len(content) <= MAX_LEAVES:
            _refuse(path, f"must be a list of 1 to {MAX_LEAVES} filters")
        parts = tuple(self.read(part, f"{path}.{index}", fields, depth + 1) for index, part in enumerate(content))
        return Every(parts) if name == "and" else Either(parts)

    def _read_leaf(self, document: dict[str, Any], path: str, fields: Mapping[str, Field]) -> Node:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            _refuse(path, f"is one of more than {MAX_LEAVES} comparisons")
        for name in document:
            if name not in _LEAF_NAMES:
                _refuse(_below(path, name), suggest(name, _LEAF_NAMES, "part of a comparison"))
        field, key = _find_field(document["field"], fields, f"{path}.field")
        op = document.get("op", "eq")
        if op not in OPS:
            _refuse(f"{path}.op", suggest(op, OPS, "comparison") if isinstance(op, str) else "must be a text")
        if op not in field.type.ops:
            _refuse(f"{path}.op", f"is not for '{field.name}', which takes {', '.join(field.type.ops)}")
        if "value" not in document:
            if op != "exists":
                _refuse(f"{path}.value", "is needed")
            document = {**document, "value": True}
        return _comparison(field, key, op, document["value"], f"{path}.value")


def _find_field(name: object, fields: Mapping[str, Field], path: str) -> tuple[Field, str | None]:
    if not isinstance(name, str):
        _refuse(path, "must be a text")
    found = fields.get(name)
    if found is not None:
        return found, None
    if fields is TRACE_FILTERS:
        for prefix, kind in ((METADATA_PREFIX, FieldType.METADATA), (SCORE_PREFIX, FieldType.SCORE)):
            if name.startswith(prefix):
                key = name.removeprefix(prefix)
                if not 1 <= len(key) <= LONGEST_KEY or _unfit(key):
                    _refuse(path, f"needs 1 to {LONGEST_KEY} characters behind '{prefix}', without NUL")
                return Field(prefix.rstrip("."), kind), key
        choices, noun = (*fields, f"{METADATA_PREFIX}KEY", f"{SCORE_PREFIX}NAME"), "field"
    else:
        choices, noun = tuple(fields), "field of spans"
    return _refuse(path, suggest(name, choices, noun))


def _comparison(field: Field, key: str | None, op: str, value: object, path: str) -> Node:
    if op in _NEGATED:
        return Negation(_comparison(field, key, _NEGATED[op], value, path))
    if op == "exists":
        if not isinstance(value, bool):
            _refuse(path, "must be true or false")
        found = Comparison(field, "exists", None, key)
        return found if value else Negation(found)
    if op == "eq":
        return _equal(field, key, [value], path, path)
    if op == "in":
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MAX_VALUES:
            _refuse(path, f"must be a list of 1 to {MAX_VALUES} values")
        return _equal(field, key, value, path, None)
    if op in ("contains", "starts_with"):
        return Comparison(field, op, spellings([_text(value, path)]), key)
    if field.type is FieldType.TIME:
        return Comparison(field, op, _time(value, path), key)
    number = _number(value, path) * field.unit
    if field.type in (FieldType.SCORE, FieldType.METADATA):
        return Comparison(field, op, number, key)
    # No value lies between a whole number and the next, so that bounds may be rounded towards the comparison.
    whole = int(number.to_integral_value(ROUND_FLOOR if op in ("gt", "lte") else ROUND_CEILING))
    return Comparison(field, op, max(-_LARGEST, min(whole, _LARGEST)), key)


def _equal(field: Field, key: str | None, values: Sequence[object], path: str, single: str | None) -> Node:
    places = [(value, single or f"{path}.{index}") for index, value in enumerate(values)]
    if field.type in (FieldType.TEXT, FieldType.LIST):
        return Comparison(field, "in", spellings(_text(value, place) for value, place in places), key)
    if field.type in (FieldType.CHOICE, FieldType.CHOICES):
        return Comparison(field, "in", [_word(field, value, place) for value, place in places], key)
    if field.type is FieldType.TRACE_ID:
        texts = [_text(value, place) for value, place in places]
        return Comparison(field, "in", [uuid.UUID(bytes=trace_key(text)) for text in texts], key)
    if field.type is FieldType.FLAG:
        ((value, place),) = places
        if not isinstance(value, bool):
            _refuse(place, "must be true or false")
        found = Comparison(field, "in", [True], key)
        return found if value else Negation(found)
    if field.type is FieldType.NUMBER:
        scaled = [_number(value, place) * field.unit for value, place in places]
        # What lies between two stored numbers or beyond them equals none of them.
        whole = [int(number) for number in scaled if number == int(number) and abs(number) <= _LARGEST]
        return Comparison(field, "in", whole, key)
    return Either(tuple(_loose(field, key, value, place) for value, place in places))


def _loose(field: Field, key: str | None, value: object, path: str) -> Node:
    """Return a comparison with a value whose type the sender chose."""
    if isinstance(value, str):
        return Comparison(field, "in", spellings([_text(value, path)]), key)
    if isinstance(value, bool):
        return Comparison(field, "is", value, key)
    return Comparison(field, "equals", _number(value, path), key)


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST_TEXT or _unfit(value):
        _refuse(path, f"must be a text of 1 to {LONGEST_TEXT} characters without NUL")
    return value


def _unfit(text: str) -> bool:
    return "\x00" in text or _SURROGATE.search(text) is not None


def _word(field: Field, value: object, path: str) -> int:
    assert field.words is not None
    words = [member.word for member in field.words]
    if not isinstance(value, str) or value not in words:
        _refuse(path, f"must be one of {', '.join(words)}")
    return int(field.words.from_word(value))


def _number(value: object, path: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        _refuse(path, "must be a number")
    if isinstance(value, int) and abs(value) > 10**30:
        _refuse(path, "is too large")
    # The digits that were written, not the binary fraction next to them.
    number = Decimal(str(value))
    if not number.is_finite() or abs(number) > 10**30:
        _refuse(path, "must be a finite number of at most 1e30")
    return number


def _time(value: object, path: str) -> datetime:
    if not isinstance(value, str):
        _refuse(path, "must be an RFC 3339 time with zone, such as 2026-01-31T12:00:00Z")
    return parse_time(path, value)


def spellings(values: Iterable[str]) -> list[str]:
    """Return the values with their composed and decomposed forms, which look the same to people."""
    found: dict[str, None] = {}
    for value in values:
        found[value] = None
        if not value.isascii():
            found[unicodedata.normalize("NFC", value)] = None
            found[unicodedata.normalize("NFD", value)] = None
    return list(found)


def _below(path: str, name: object) -> str:
    return f"{path}.{str(name)[:100]}"


def _refuse(path: str, message: str) -> NoReturn:
    raise InvalidFieldsError("The filter is not valid.", details=[FieldProblem(path, message)])
