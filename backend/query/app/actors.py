"""Lists of sessions and users: what is asked for, where a page goes on, and the public form."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from query.app.figures import ratio, rounded
from query.app.models.actors import SessionParameters, UserParameters
from query.app.presentation import Row, dollars
from query.app.windows import CLOCK_TOLERANCE, Window, window_of
from shared.domain import CostSource, Status
from shared.errors import FieldProblem, InvalidFieldsError
from shared.http.cursor import Reader, decode_cursor, encode_cursor, read_integer, read_text, read_time, read_uuid
from shared.http.ranges import LONGEST, RangeName, TimeRange, parse_range
from shared.normalisation.jsonready import json_ready

# Measures of the rollups by the names of sorts.
SUMS = {"trace_count": "n", "error_count": "errors", "cost_usd": "cost_nano", "tokens_total": "tokens_total"}
_TIMES = ("last_activity", "first_activity")
# An open window goes on to the end of a week.
_ROUNDING = timedelta(weeks=2)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list; ``after`` is the place of its last entry: time and key of a trace, or sum and id.

    ``ceiling`` is when the first page was read; see ``queries.actors.Walk``.
    """

    name: str
    window: Window
    now: datetime
    ceiling: datetime
    sort: str
    filters: Mapping[str, Sequence[str]]
    has_error: bool | None
    limit: int
    after: tuple[Any, Any] | None

    @property
    def measure(self) -> str | None:
        """Return the measure that the list is sorted by, None for a time."""
        return SUMS.get(self.sort)

    def cursor(self, first: object, second: object) -> str:
        """Return the cursor of the page behind an entry."""
        window = self.window
        return encode_cursor(self._kind, first, second, window.start, window.end, window.until, self.ceiling)

    @property
    def _kind(self) -> str:
        return f"{self.name}:{self.sort}"


def read_listing(name: str, parameters: SessionParameters | UserParameters, *, now: datetime) -> Listing:
    """Return what a request for a list asks for.

    Args:
        name: ``sessions`` or ``users``.
        parameters: The parameters.
        now: The present, in UTC.

    Raises:
        InvalidFieldsError: Names the parameter that is not valid.
    """
    asked = parse_range(parameters.range_name, parameters.start, parameters.end, now=now)
    window = window_of(asked, is_open=parameters.end is None, now=now)
    after, ceiling = None, now
    if parameters.cursor is not None:
        place: tuple[Reader, Reader] = (
            (read_time, read_uuid) if parameters.sort in _TIMES else (read_integer, read_text)
        )
        readers = (*place, read_time, read_time, read_time, read_time)
        first, second, start, end, until, ceiling = decode_cursor(
            parameters.cursor, f"{name}:{parameters.sort}", readers
        )
        if not start < end or end - start > LONGEST + _ROUNDING:
            raise InvalidFieldsError("The cursor is not valid.", details=[FieldProblem("cursor", "has no such range")])
        after = (first, second)
        window = Window(start, end, until, is_open=window.is_open)
    filters = {
        field: list(dict.fromkeys(values))
        for field in ("environment", "agent_id", "user_id")
        if (values := getattr(parameters, field, None))
    }
    if parameters.sort in SUMS:
        unfit = [field for field in filters if field != "environment"]
        unfit += ["has_error"] if parameters.has_error is not None else []
        if unfit:
            details = [FieldProblem(field, f"cannot be combined with sort={parameters.sort}") for field in unfit]
            raise InvalidFieldsError("Filters and sort do not go together.", details=details)
    return Listing(name, window, now, ceiling, parameters.sort, filters, parameters.has_error, parameters.limit, after)


def read_bounds(
    range_name: str | None, start: str | None, end: str | None, *, default: RangeName | None = None
) -> TimeRange:
    """Return the range of a request about one session or user.

    Args:
        range_name: ``range`` of the request.
        start: Its ``from``.
        end: Its ``to``.
        default: Range of a request that names none; all times unless given.

    Raises:
        InvalidFieldsError: Names the parameter that is not valid.
    """
    if default is None and range_name is None and start is None and end is None:
        return TimeRange(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    found = parse_range(range_name, start, end, now=datetime.now(UTC), default=default or "24h")
    return TimeRange(found.start, found.end + CLOCK_TOLERANCE) if end is None else found


def totals_view(row: Row) -> dict[str, object]:
    """Return what sessions and users have in common."""
    source = CostSource.UNPRICED
    if row["cost_source"] is not None:
        source = CostSource.PARTIAL if row["is_partial"] else CostSource(row["cost_source"])
    return {
        "trace_count": row["trace_count"],
        "error_count": row["error_count"],
        "error_rate": rounded(ratio(row["error_count"], row["trace_count"]), 6),
        "llm_call_count": row["llm_call_count"],
        "tool_call_count": row["tool_call_count"],
        "tokens_input": json_ready(row["tokens_input"]),
        "tokens_output": json_ready(row["tokens_output"]),
        "tokens_total": json_ready(row["tokens_total"]),
        "cost_usd": dollars(row["cost_nano"]),
        "cost_source": source.word,
        "first_activity": row["first_activity"],
        "last_activity": row["last_activity"],
    }


def session_view(row: Row) -> dict[str, object]:
    """Return the public form of a session."""
    lasted = (row["last_end"] - row["first_activity"]).total_seconds() * 1000
    return {
        "session_id": row["actor"],
        **totals_view(row),
        "user_ids": row["user_ids"] or [],
        "agents": row["agents"] or [],
        "duration_ms": round(lasted, 3),
        "status": Status(row["status"]).word,
        "input_preview": row["input_preview"],
        "output_preview": row["output_preview"],
    }


def user_view(row: Row) -> dict[str, object]:
    """Return the public form of a user."""
    return {
        "user_id": row["actor"],
        **totals_view(row),
        "session_count": row["session_count"],
        "agents": row["agents"] or [],
    }


def user_parts_view(parts: Mapping[str, Sequence[Row]]) -> dict[str, object]:
    """Return what a user did, but for its traces."""
    days = [
        {
            "day": row["day"],
            "trace_count": row["trace_count"],
            "error_count": row["error_count"],
            "tokens_total": json_ready(row["tokens_total"]),
            "cost_usd": dollars(row["cost_nano"]),
        }
        for row in parts["activity"]
    ]
    plain = {name: [dict(row) for row in parts[name]] for name in ("by_agent", "by_model", "errors", "recent_sessions")}
    return {"activity": days, **plain}


def agent_view(row: Mapping[str, Any], latency: Mapping[str, object], named: Row | None, seen: datetime | None) -> Any:
    """Return the public form of an agent."""
    return {
        "agent_id": row["agent_id"],
        "display_name": None if named is None else named["display_name"],
        "description": None if named is None else named["description"],
        "trace_count": row["n"],
        "error_count": row["errors"],
        "error_rate": rounded(ratio(row["errors"], row["n"]), 6),
        **latency,
        "tokens_total": json_ready(int(row["tokens_total"])),
        "cost_usd": dollars(row["cost_nano"]) or 0.0,
        "unpriced_count": row["unpriced"],
        "last_seen": seen,
    }


def place_of(row: Row) -> tuple[datetime, uuid.UUID]:
    """Return the place of an entry in a list by time."""
    return (row["start_time"], row["trace_id"])
