"""What the parameters of the list of traces ask for, as conditions with values fit for the database."""

import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from difflib import get_close_matches

from query.app.models.traces import TraceParameters
from query.app.presentation import TRACE_FIELDS
from shared.domain import NANO_PER_USD, CostSource, SpanKind, Status
from shared.errors import FieldProblem, InvalidFieldsError
from shared.http.cursor import decode_cursor, encode_cursor, optional, read_time, read_uuid
from shared.http.ranges import LONGEST, parse_range
from shared.ids import trace_key

METADATA_PREFIX = "metadata."
# Every route takes the workspace as a parameter; the guard compares it with the credential's.
COMMON_PARAMETERS = ("workspace_id", "workspace")
# Senders whose clock is ahead are accepted by as much, so a range that ends now reaches as far.
CLOCK_TOLERANCE = timedelta(hours=1)

_TEXT_FILTERS = (
    "agent_id",
    "session_id",
    "user_id",
    "provider",
    "model",
    "tool_name",
    "service",
    "environment",
    "release",
)
_LONGEST_METADATA_KEY = 256
_MOST_METADATA_FILTERS = 20
_MICROSECONDS = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition by name, see ``queries``, and the values it is bound to."""

    name: str
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class TraceQuery:
    """A page of the list of traces.

    ``start`` and ``end`` are None when the traces were named by their ids; ``after`` is the place of the last row of
    the page before. ``fields`` is empty for all.
    """

    start: datetime | None
    end: datetime | None
    conditions: tuple[Condition, ...]
    newest_first: bool
    limit: int
    after: tuple[datetime, uuid.UUID] | None
    fields: tuple[str, ...]

    def cursor(self, start_time: datetime, key: uuid.UUID) -> str:
        """Return the cursor of the page behind a row; it keeps the range, so that ``24h`` stays the same 24 hours."""
        return encode_cursor(_cursor_kind(self.newest_first), start_time, key, self.start, self.end)


def read_query(parameters: TraceParameters, metadata: Sequence[tuple[str, str]], *, now: datetime) -> TraceQuery:
    """Return what a request for the list of traces asks for.

    Args:
        parameters: The declared parameters.
        metadata: Name and value of each ``metadata.KEY`` parameter.
        now: The present, in UTC.

    Raises:
        InvalidFieldsError: Names the parameter that is not valid.
    """
    newest_first = parameters.sort == "-start_time"
    start, end = _read_range(parameters, now)
    after = None
    if parameters.cursor is not None:
        readers = (read_time, read_uuid, optional(read_time), optional(read_time))
        start_time, key, start, end = decode_cursor(parameters.cursor, _cursor_kind(newest_first), readers)
        if (start is None) != (end is None) or (start is not None and end - start > LONGEST + CLOCK_TOLERANCE):
            raise InvalidFieldsError("The cursor is not valid.", details=[FieldProblem("cursor", "has no such range")])
        if start is None and not parameters.trace_id:
            raise InvalidFieldsError(
                "The cursor is not valid.", details=[FieldProblem("cursor", "belongs to a list with trace_id")]
            )
        after = (start_time, key)
    return TraceQuery(
        start=start,
        end=end,
        conditions=(*_conditions(parameters), *_metadata_conditions(metadata)),
        newest_first=newest_first,
        limit=parameters.limit,
        after=after,
        fields=_read_fields(parameters.fields),
    )


def check_names(names: Iterable[str], known: Sequence[str], prefix: str | None = None) -> None:
    """Refuse parameters that do not exist, since ignoring a misspelt filter would answer something else.

    Args:
        names: Names of the parameters of a request.
        known: Names that exist.
        prefix: Names that begin so exist as well.

    Raises:
        InvalidFieldsError: Names each unknown parameter and the known one nearest to it.
    """
    choices = (*known, *COMMON_PARAMETERS)
    unknown = [name for name in names if name not in choices and not (prefix and name.startswith(prefix))]
    if unknown:
        offered = (*choices, f"{prefix}KEY") if prefix else choices
        details = [FieldProblem(name[:100], _suggest(name, offered)) for name in dict.fromkeys(unknown)]
        raise InvalidFieldsError("Some parameters do not exist.", details=details[:50])


def _suggest(name: str, choices: Sequence[str], noun: str = "parameter") -> str:
    nearest = get_close_matches(name[:100].lower(), choices, n=1, cutoff=0.0)
    return f"is not a {noun}; the nearest is '{nearest[0]}'"


def _cursor_kind(newest_first: bool) -> str:
    return "traces:-start_time" if newest_first else "traces:start_time"


def _read_range(parameters: TraceParameters, now: datetime) -> tuple[datetime | None, datetime | None]:
    named = parameters.range_name is not None or parameters.start is not None or parameters.end is not None
    if parameters.trace_id and not named:
        return None, None
    found = parse_range(parameters.range_name, parameters.start, parameters.end, now=now)
    open_ended = parameters.end is None
    return found.start, found.end + CLOCK_TOLERANCE if open_ended else found.end


def _read_fields(values: Sequence[str]) -> tuple[str, ...]:
    fields = tuple(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))
    unknown = [name for name in fields if name not in TRACE_FIELDS]
    if unknown:
        details = [
            FieldProblem("fields", f"'{name[:100]}' {_suggest(name, TRACE_FIELDS, 'field')}") for name in unknown
        ]
        raise InvalidFieldsError("Some fields do not exist.", details=details)
    return fields


def _conditions(parameters: TraceParameters) -> Iterable[Condition]:
    for name in _TEXT_FILTERS:
        values: list[str] = getattr(parameters, name)
        if values:
            yield Condition(name, (_spellings(values),))
    if parameters.trace_id:
        yield Condition("trace_id", ([uuid.UUID(bytes=trace_key(value)) for value in parameters.trace_id],))
    if parameters.status:
        yield Condition("status", ([Status.from_word(word) for word in parameters.status],))
    if parameters.kind:
        yield Condition("kind", ([SpanKind.from_word(word) for word in parameters.kind],))
    if parameters.cost_source:
        yield Condition("cost_source", ([CostSource.from_word(word) for word in parameters.cost_source],))
    tags = list(dict.fromkeys(part.strip() for value in parameters.tags for part in value.split(",") if part.strip()))
    if tags:
        if parameters.tags_mode == "any":
            yield Condition("any_tag", (_spellings(tags),))
        else:
            yield from (Condition("any_tag", (_spellings([tag]),)) for tag in tags)
    if parameters.has_error is not None:
        yield Condition("has_error", (parameters.has_error,))
    yield from _bounds("duration", parameters.min_duration_ms, parameters.max_duration_ms, _MICROSECONDS)
    yield from _bounds("ttft", parameters.min_ttft_ms, parameters.max_ttft_ms, _MICROSECONDS)
    yield from _bounds("cost", parameters.min_cost_usd, parameters.max_cost_usd, NANO_PER_USD)
    yield from _bounds("tokens_total", parameters.min_tokens_total, parameters.max_tokens_total, 1)


def _bounds(name: str, least: Decimal | int | None, most: Decimal | int | None, unit: int) -> Iterable[Condition]:
    if least is not None:
        yield Condition(f"min_{name}", (int((Decimal(least) * unit).to_integral_value(ROUND_CEILING)),))
    if most is not None:
        yield Condition(f"max_{name}", (int((Decimal(most) * unit).to_integral_value(ROUND_FLOOR)),))


def _metadata_conditions(metadata: Sequence[tuple[str, str]]) -> Iterable[Condition]:
    if len(metadata) > _MOST_METADATA_FILTERS:
        raise InvalidFieldsError(
            "Too many filters.", details=[FieldProblem("metadata", f"at most {_MOST_METADATA_FILTERS} at once")]
        )
    wanted: dict[str, list[str]] = {}
    for name, value in metadata:
        key = name.removeprefix(METADATA_PREFIX)
        if not key or len(key) > _LONGEST_METADATA_KEY or "\x00" in key or "\x00" in value or len(value) > 512:
            raise InvalidFieldsError(
                "A filter is not valid.",
                details=[FieldProblem(name[:100], "needs a key of 1 to 256 and a value of at most 512 characters")],
            )
        wanted.setdefault(key, []).append(value)
    for key, values in wanted.items():
        yield Condition("metadata", (key, _spellings(values)))


def _spellings(values: Iterable[str]) -> list[str]:
    """Return the values with their composed and decomposed forms, which look the same to people."""
    found: dict[str, None] = {}
    for value in values:
        found[value] = None
        if not value.isascii():
            found[unicodedata.normalize("NFC", value)] = None
            found[unicodedata.normalize("NFD", value)] = None
    return list(found)
