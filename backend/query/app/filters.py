"""What requests for lists of traces ask for: parameters and JSON bodies become the same ``TraceQuery``."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from query.app.fields import FACETS, METADATA_PREFIX, SCORE_PREFIX
from query.app.filter_tree import Either, Every, Node, compare, read_tree
from query.app.fulltext import TextQuery, parse_text_query
from query.app.models.traces import FilterParameters, SearchBody, Selection, TraceParameters
from query.app.presentation import TRACE_FIELDS
from shared.errors import FieldProblem, InvalidFieldsError
from shared.http.cursor import decode_cursor, encode_cursor, optional, read_integer, read_time, read_uuid
from shared.http.parameters import check_names, suggest
from shared.http.ranges import LONGEST, parse_range

# Parameters that exist for every key of the metadata and every name of a score.
OPEN_PREFIXES = (METADATA_PREFIX, SCORE_PREFIX, f"min_{SCORE_PREFIX}", f"max_{SCORE_PREFIX}")
# Senders whose clock is ahead are accepted by as much, so a range that ends now reaches as far.
CLOCK_TOLERANCE = timedelta(hours=1)
BY_TIME = "start_time"

_EXACT = (
    "trace_id", "name", "agent_id", "session_id", "user_id", "status", "provider", "model", "environment", "release",
    "cost_source", "error_type",
)  # fmt: skip
_OF_SPANS = ("kind", "tool_name", "service")
_FLAGS = ("has_error", "has_feedback", "has_score", "has_user", "has_session")
_BOUNDED = (
    "duration_ms", "ttft_ms", "cost_usd", "tokens_input", "tokens_output", "tokens_total", "span_count",
    "llm_call_count", "tool_call_count", "error_count", "feedback",
)  # fmt: skip
_MOST_OPEN_FILTERS = 20


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of traces; absent values come last either way, and equal ones newest first."""

    field: str
    descending: bool

    @classmethod
    def parse(cls, text: str) -> "Sort":
        """Return the order that a request names, for example ``-cost_usd``."""
        return cls(text.removeprefix("-"), text.startswith("-"))

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a row in its list; ``value`` is what it is sorted by, None when it is sorted by time."""

    value: int | None
    start_time: datetime
    key: uuid.UUID


@dataclass(frozen=True, slots=True)
class TraceFilter:
    """Which traces are asked for; the range is None when they were named by their ids."""

    start: datetime | None
    end: datetime | None
    node: Node | None = None
    text: TextQuery | None = None

    @property
    def takes_all(self) -> bool:
        """Return whether every trace of the range is asked for."""
        return self.node is None and self.text is None


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """A page of a list of traces: ``after`` is the place of the last row before it, ``fields`` is empty for all."""

    filter: TraceFilter
    sort: Sort
    limit: int
    after: Place | None
    fields: tuple[str, ...]

    def cursor(self, place: Place) -> str:
        """Return the cursor of the page behind a row; it keeps the range, so that ``24h`` stays the same 24 hours."""
        value = () if self.sort.field == BY_TIME else (place.value,)
        kept = (place.start_time, place.key, self.filter.start, self.filter.end)
        return encode_cursor(_cursor_kind(self.sort), *value, *kept)


def read_query(parameters: TraceParameters, open_filters: Sequence[tuple[str, str]], *, now: datetime) -> TraceQuery:
    """Return what a request for the list of traces asks for.

    Args:
        parameters: The declared parameters.
        open_filters: Name and value of each parameter that begins with one of ``OPEN_PREFIXES``.
        now: The present, in UTC.

    Raises:
        InvalidFieldsError: Names the parameter that is not valid.
    """
    return _query(parameters, read_filter(parameters, open_filters, now=now))


def read_search(body: SearchBody, *, now: datetime) -> TraceQuery:
    """Return what a search asks for.

    Raises:
        InvalidFieldsError: Names the part of the body that is not valid.
    """
    return _query(body, read_search_filter(body, now=now))


def read_filter(parameters: FilterParameters, open_filters: Sequence[tuple[str, str]], *, now: datetime) -> TraceFilter:
    """Return which traces the parameters of a list name.

    Raises:
        InvalidFieldsError: Names the parameter that is not valid.
    """
    parts = (*_conditions(parameters), *_open_conditions(open_filters))
    start, end = _read_range(parameters, now, may_be_open=bool(parameters.trace_id))
    return TraceFilter(start, end, Every(parts) if parts else None, _read_text(parameters))


def read_search_filter(body: Selection, *, now: datetime) -> TraceFilter:
    """Return which traces a search names.

    Raises:
        InvalidFieldsError: Names the part of the body that is not valid.
    """
    check_names(body.model_extra or (), _names_of(type(body)), noun="part of a search")
    node = None if body.filter is None else read_tree(body.filter)
    start, end = _read_range(body, now)
    return TraceFilter(start, end, node, _read_text(body))


def read_facet_names(values: Sequence[str]) -> tuple[str, ...]:
    """Return the facets that a request names, all of them when it names none.

    Raises:
        InvalidFieldsError: Some do not exist.
    """
    return _choose("facets", values, FACETS, "facet") or FACETS


def read_fields(parameter: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return the fields of traces that a parameter names.

    Raises:
        InvalidFieldsError: Some do not exist.
    """
    return _choose(parameter, values, TRACE_FIELDS, "field")


def _names_of(model: type[Selection]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _query(asked: TraceParameters | SearchBody, found: TraceFilter) -> TraceQuery:
    sort = Sort.parse(asked.sort)
    after = None
    if asked.cursor is not None:
        after, start, end = _read_cursor(asked.cursor, sort)
        if (start is None) != (end is None) or (start is not None and end - start > LONGEST + CLOCK_TOLERANCE):
            raise _refuse_cursor("has no such range")
        if start is None and found.start is not None:
            raise _refuse_cursor("belongs to a list with trace_id")
        found = replace(found, start=start, end=end)
    return TraceQuery(found, sort, asked.limit, after, read_fields("fields", asked.fields))


def _read_cursor(text: str, sort: Sort) -> tuple[Place, Any, Any]:
    readers = (read_time, read_uuid, optional(read_time), optional(read_time))
    if sort.field == BY_TIME:
        start_time, key, start, end = decode_cursor(text, _cursor_kind(sort), readers)
        return Place(None, start_time, key), start, end
    value, start_time, key, start, end = decode_cursor(text, _cursor_kind(sort), (optional(read_integer), *readers))
    return Place(value, start_time, key), start, end


def _refuse_cursor(message: str) -> InvalidFieldsError:
    return InvalidFieldsError("The cursor is not valid.", details=[FieldProblem("cursor", message)])


def _cursor_kind(sort: Sort) -> str:
    return f"traces:{sort}"


def _read_range(
    asked: FilterParameters | Selection, now: datetime, *, may_be_open: bool = False
) -> tuple[datetime | None, datetime | None]:
    named = asked.range_name is not None or asked.start is not None or asked.end is not None
    if may_be_open and not named:
        return None, None
    found = parse_range(asked.range_name, asked.start, asked.end, now=now)
    return found.start, found.end + CLOCK_TOLERANCE if asked.end is None else found.end


def _read_text(asked: FilterParameters | Selection) -> TextQuery | None:
    return None if asked.q is None else parse_text_query(asked.q)


def _choose(parameter: str, values: Sequence[str], known: Sequence[str], noun: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(_parts(values)))
    unknown = [name for name in chosen if name not in known]
    if unknown:
        details = [FieldProblem(parameter, f"'{name[:100]}' {suggest(name, known, noun)}") for name in unknown]
        raise InvalidFieldsError(f"Some {parameter} do not exist.", details=details)
    return chosen


def _parts(values: Iterable[str]) -> Iterable[str]:
    return (part.strip() for value in values for part in value.split(",") if part.strip())


def _conditions(parameters: FilterParameters) -> Iterable[Node]:
    for name in (*_EXACT, *_OF_SPANS):
        values: list[str] = getattr(parameters, name)
        if values:
            yield compare(name, "in", values)
    tags = list(dict.fromkeys(_parts(parameters.tags)))
    if tags and parameters.tags_mode == "all":
        yield from (compare("tags", "eq", tag) for tag in tags)
    elif tags:
        found = compare("tags", "in", tags)
        yield found if parameters.tags_mode == "any" else compare("tags", "not_in", tags)
    for name in _FLAGS:
        wanted: bool | None = getattr(parameters, name)
        if wanted is not None:
            yield compare(name, "eq", wanted)
    for name in _BOUNDED:
        for prefix, op in (("min", "gte"), ("max", "lte")):
            bound: Decimal | int | None = getattr(parameters, f"{prefix}_{name}")
            if bound is not None:
                yield compare(name, op, bound, f"{prefix}_{name}")


def _open_conditions(given: Sequence[tuple[str, str]]) -> Iterable[Node]:
    if len(given) > _MOST_OPEN_FILTERS:
        raise InvalidFieldsError(
            "Too many filters.", details=[FieldProblem("metadata", f"at most {_MOST_OPEN_FILTERS} at once")]
        )
    wanted: dict[str, list[str]] = {}
    for name, value in given:
        wanted.setdefault(name, []).append(value)
    for name, values in wanted.items():
        path = name[:100]
        bound = next((op for op, start in (("gte", "min_"), ("lte", "max_")) if name.startswith(start)), None)
        if bound is not None:
            yield from (compare(name[4:], bound, _decimal(value, path), path) for value in values)
        elif name.startswith(SCORE_PREFIX):
            yield Either(tuple(part for value in values for part in _score_values(name, value, path)))
        else:
            yield compare(name, "eq", values[0], path) if len(values) == 1 else compare(name, "in", values, path)


def _score_values(name: str, value: str, path: str) -> Iterable[Node]:
    """Yield what a value in a query string may mean: a label, a truth value or a number."""
    yield compare(name, "eq", value, path)
    if value in ("true", "false"):
        yield compare(name, "eq", value == "true", path)
    try:
        number = _decimal(value, path)
    except InvalidFieldsError:
        return
    yield compare(name, "eq", number, path)


def _decimal(text: str, path: str) -> Decimal:
    try:
        number = Decimal(text) if len(text) <= 40 and text.isascii() else None
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or abs(number) > 10**30:
        raise InvalidFieldsError("A filter is not valid.", details=[FieldProblem(path, "must be a number")])
    return number
