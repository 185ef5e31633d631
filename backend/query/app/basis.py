"""What answers rest on, which decides for how long they may be kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from query.app.windows import CLOCK_TOLERANCE
from shared.changes import Days

_SHORTEST_SECONDS, _LONGEST_SECONDS = 5.0, 30.0
_RECENT_SECONDS = 600.0
_CLOSED_SECONDS = 3600.0
# Of an answer that touches the present so small a part passes while it is kept.
_PARTS = 2880
# More days than this are not told apart.
_MOST_DAYS = 400
# The last day that anything can be stored for before an answer about the present ends.
_AHEAD = CLOCK_TOLERANCE + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Basis:
    """The days whose changes make an answer stale, and how long it may be kept at most.

    ``days`` is None when a change of any day does. ``grace`` is how many seconds it is as good as new whatever changes.
    """

    days: Days | None
    seconds: float
    grace: float = 0.0

    @classmethod
    def of_times(cls, start: datetime, end: datetime) -> "Basis":
        """Return the basis of an answer about what started from ``start`` on and before ``end``, both in UTC."""
        now = datetime.now(UTC)
        last = min(end, now + _AHEAD)
        while_open = min(_LONGEST_SECONDS, max(_SHORTEST_SECONDS, (now - start).total_seconds() / _PARTS))
        seconds = _lifetime(end, now, while_open)
        if last <= start or last - start > timedelta(days=_MOST_DAYS):
            return cls(None, seconds)
        return cls((start.date(), last.date()), seconds)

    @classmethod
    def of_trace(cls, first_start: datetime, last_start: datetime) -> "Basis":
        """Return the basis of an answer about one trace, given when its first and its last span start.

        Whatever changes a trace is announced with all days that it reaches over afterwards, and a trace only grows or
        goes, so that the day on which it was seen to begin is always among them.
        """
        day = first_start.date()
        return cls((day, day), _lifetime(last_start + _AHEAD, datetime.now(UTC), _LONGEST_SECONDS))

    @classmethod
    def of_everything(cls) -> "Basis":
        """Return the basis of an answer that a change of any day may alter."""
        return cls(None, _LONGEST_SECONDS)

    def at_most(self, seconds: float) -> "Basis":
        """Return the same for an answer that is kept no longer than so many seconds."""
        return replace(self, seconds=min(self.seconds, seconds))

    def with_grace(self, seconds: float) -> "Basis":
        """Return the same for an answer that is as good as new for so many seconds."""
        return replace(self, grace=seconds)


@dataclass(frozen=True, slots=True)
class Answer:
    """Data of an answer, what they rest on, and, of a list, where it goes on."""

    data: object
    basis: Basis
    pagination: Mapping[str, object] | None = None


def _lifetime(end: datetime, now: datetime, while_open: float) -> float:
    if end > now:
        return while_open
    return _RECENT_SECONDS if now - end < timedelta(days=1) else _CLOSED_SECONDS
