"""Time ranges of requests: one of the usual names, or two times."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, get_args

from fastapi import Query

from shared.errors import FieldProblem, InvalidFieldsError

RangeName = Literal["15m", "1h", "24h", "7d", "30d", "90d"]

RANGES: dict[RangeName, timedelta] = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
# Thirteen months, as long as rollups are kept by default, with room for a whole calendar month at either end.
LONGEST = timedelta(days=460)

_LONGEST_TEXT = 40


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A span of time that includes ``start`` and excludes ``end``, both in UTC; ``name`` is None for two times."""

    start: datetime
    end: datetime
    name: RangeName | None = None

    @property
    def length(self) -> timedelta:
        """Return how long the range is."""
        return self.end - self.start

    def previous(self) -> "TimeRange":
        """Return the range of the same length that ends where this one starts."""
        return TimeRange(self.start - self.length, self.start)


def parse_time(field: str, text: str) -> datetime:
    """Return the time that an RFC 3339 text names, in UTC.

    Raises:
        InvalidFieldsError: The text is no such time or lacks its zone.
    """
    # A plus sign that was not percent-encoded arrives as a space.
    candidate = text.strip().replace(" ", "+") if text[10:11] in ("T", "t") else text.strip()
    try:
        moment = datetime.fromisoformat(candidate.upper()) if len(candidate) <= _LONGEST_TEXT else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidFieldsError(
        "A time is not valid.",
        details=[FieldProblem(field, "must be an RFC 3339 time with zone, such as 2026-01-31T12:00:00Z")],
    )


def parse_range(
    name: str | None,
    start: str | None,
    end: str | None,
    *,
    now: datetime,
    default: RangeName = "24h",
    longest: timedelta = LONGEST,
) -> TimeRange:
    """Return the range that ``range``, ``from`` and ``to`` of a request name.

    Args:
        name: One of ``RANGES``, ending now; not together with the two times.
        start: RFC 3339 time.
        end: RFC 3339 time; now when absent.
        now: The present, in UTC.
        default: Used when the request names nothing.
        longest: Longest range that is answered.

    Raises:
        InvalidFieldsError: Names the parameter that is wrong and why.
    """
    if start is None and end is None:
        chosen = default if name is None else name
        if chosen not in RANGES:
            raise _refuse("range", f"must be one of {', '.join(get_args(RangeName))}")
        return TimeRange(now - RANGES[chosen], now, chosen)
    if name is not None:
        raise _refuse("range", "cannot be combined with from and to")
    if start is None:
        raise _refuse("from", "is needed beside to")
    first = parse_time("from", start)
    last = now if end is None else parse_time("to", end)
    if first >= last:
        raise _refuse("to", "must be later than from")
    if last - first > longest:
        raise _refuse("from", f"must lie at most {longest.days} days before to")
    return TimeRange(first, last)


def time_range(default: RangeName = "24h", longest: timedelta = LONGEST) -> Callable[..., TimeRange]:
    """Return a dependency that reads ``range``, ``from`` and ``to`` of a request."""

    def read(
        name: Annotated[
            str | None,
            Query(alias="range", description=f"{', '.join(get_args(RangeName))}; {default} unless given", max_length=8),
        ] = None,
        start: Annotated[str | None, Query(alias="from", description="RFC 3339 time", max_length=64)] = None,
        end: Annotated[
            str | None, Query(alias="to", description="RFC 3339 time; now unless given", max_length=64)
        ] = None,
    ) -> TimeRange:
        return parse_range(name, start, end, now=datetime.now(UTC), default=default, longest=longest)

    return read


def _refuse(field: str, message: str) -> InvalidFieldsError:
    return InvalidFieldsError("The time range is not valid.", details=[FieldProblem(field, message)])
