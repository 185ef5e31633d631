"""From the range of a request to the buckets that answer it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import FieldProblem, InvalidFieldsError
from shared.http.ranges import TimeRange
from shared.rollups.spec import BASE_DAYS, ORIGIN, Level

# Senders whose clock is ahead are accepted by as much, so a range that ends now reaches as far.
CLOCK_TOLERANCE = timedelta(hours=1)
MAX_POINTS = 1500
_FEWEST_POINTS = 24
_MOST_POINTS = 180

GRANULARITIES: dict[str, timedelta] = {
    "30s": timedelta(seconds=30),
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "10m": timedelta(minutes=10),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "3h": timedelta(hours=3),
    "6h": timedelta(hours=6),
    "12h": timedelta(hours=12),
    "1d": timedelta(days=1),
    "1w": timedelta(weeks=1),
}
# The words of the first version of the API.
_ALIASES = {"hourly": "1h", "daily": "1d", "weekly": "1w"}
GRANULARITY_NAMES = (*GRANULARITIES, *_ALIASES)


@dataclass(frozen=True, slots=True)
class Window:
    """A range in whole buckets: ``start`` included, ``end`` excluded, UTC.

    An open window ends with the present: nothing later is stored, so ``end`` lies where it makes reading cheap, and
    ``until`` is what an answer names as its end.
    """

    start: datetime
    end: datetime
    until: datetime
    is_open: bool

    @property
    def length(self) -> timedelta:
        """Return the time from the start to the end that an answer names."""
        return self.until - self.start

    def previous(self, now: datetime) -> "Window":
        """Return the window of the same length that ends where this one starts."""
        return Window(_snap_down(self.start - self.length, now), self.start, self.start, is_open=False)


@dataclass(frozen=True, slots=True)
class Granularity:
    """The length of the buckets of a chart; ``name`` is what answers call it."""

    name: str
    length: timedelta


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a window that one table answers; ``level`` is None for a part that the traces themselves answer."""

    level: Level | None
    start: datetime
    end: datetime


def window_of(asked: TimeRange, *, is_open: bool, now: datetime) -> Window:
    """Return the window of a range: to the half minute, and before the last three days to the hour.

    Args:
        asked: The range of the request.
        is_open: Whether it ends with the present.
        now: The present, in UTC.
    """
    start = _snap_down(asked.start, now)
    if is_open or asked.end > now + CLOCK_TOLERANCE:
        until = _ceil(max(now, start + timedelta(seconds=1)), Level.BASE.length)
        return Window(start, _ceil(now + CLOCK_TOLERANCE, Level.WEEK.length), until, is_open=True)
    end = _ceil(asked.end, Level.HOUR.length if _is_old(asked.end, now) else Level.BASE.length)
    return Window(start, end, end, is_open=False)


def choose_granularity(name: str | None, window: Window, now: datetime, finest: Level = Level.BASE) -> Granularity:
    """Return the granularity of a chart: the one asked for, or one that gives it 24 to 180 points.

    Args:
        name: What the request asks for, None when it leaves the choice.
        window: The window of the chart.
        now: The present, in UTC.
        finest: The shortest buckets that are kept of what is shown.

    Raises:
        InvalidFieldsError: There are no buckets so short for such old times, or too many of them.
    """
    shortest = Level.HOUR.length if finest is Level.BASE and _is_old(window.start, now) else finest.length
    if name is None:
        return _fitting(window, shortest)
    chosen = _ALIASES.get(name, name)
    length = GRANULARITIES.get(chosen)
    if length is None:
        raise _refuse(f"must be one of {', '.join(GRANULARITY_NAMES)}")
    if length < shortest:
        least = next(key for key, value in GRANULARITIES.items() if value >= shortest)
        raise _refuse(f"must be {least} or longer for this range: finer buckets are kept for {BASE_DAYS} days")
    if window.length / length > MAX_POINTS:
        raise _refuse(f"would give more than {MAX_POINTS} points; ask for longer buckets or a shorter range")
    return Granularity(chosen, length)


def _fitting(window: Window, shortest: timedelta) -> Granularity:
    allowed = [(name, length) for name, length in GRANULARITIES.items() if length >= shortest]
    # Days are stored, where parts of a day are added up from 24 times as many buckets of hours.
    if _FEWEST_POINTS <= window.length / Level.DAY.length <= _MOST_POINTS:
        return Granularity("1d", Level.DAY.length)
    for name, length in allowed:
        if window.length / length <= _MOST_POINTS:
            return Granularity(name, length)
    return Granularity(*allowed[-1])


def points_of(window: Window, granularity: Granularity, times: Iterable[datetime] = ()) -> list[datetime]:
    """Return the starts of all buckets of a chart, those without data too.

    Args:
        window: The window of the chart.
        granularity: The length of its buckets.
        times: Starts of the buckets with data; those of senders whose clocks are ahead lie behind the present.
    """
    start = _floor(window.start, granularity.length)
    end = max([window.until, *(time + granularity.length for time in times)])
    count = -((start - end) // granularity.length)
    return [start + index * granularity.length for index in range(count)]


def split(window: Window, levels: Sequence[Level], longest: timedelta | None = None) -> list[Piece]:
    """Return the pieces of a window: the longest buckets in the middle, shorter ones towards its ends.

    Args:
        window: What to cover.
        levels: Levels of the rollup, short buckets first.
        longest: Longest useful bucket, such as the granularity of a chart; any unless given.
    """
    usable = [level for level in levels if longest is None or longest % level.length == timedelta()]
    return list(_split(window.start, window.end, usable))


def _split(start: datetime, end: datetime, levels: Sequence[Level]) -> Iterator[Piece]:
    if start >= end:
        return
    if not levels:
        yield Piece(None, start, end)
        return
    *shorter, level = levels
    first, last = _ceil(start, level.length), _floor(end, level.length)
    if first >= last:
        yield from _split(start, end, shorter)
        return
    yield from _split(start, first, shorter)
    yield Piece(level, first, last)
    yield from _split(last, end, shorter)


def _is_old(moment: datetime, now: datetime) -> bool:
    return moment < now - timedelta(days=BASE_DAYS)


def _snap_down(moment: datetime, now: datetime) -> datetime:
    return _floor(moment, Level.HOUR.length if _is_old(moment, now) else Level.BASE.length)


def _floor(moment: datetime, length: timedelta) -> datetime:
    return ORIGIN + (moment.astimezone(UTC) - ORIGIN) // length * length


def _ceil(moment: datetime, length: timedelta) -> datetime:
    return ORIGIN - (ORIGIN - moment.astimezone(UTC)) // length * length


def _refuse(message: str) -> InvalidFieldsError:
    return InvalidFieldsError("The granularity is not valid.", details=[FieldProblem("granularity", message)])
