"""Pages of traces: by time in slices, or sorted by a measure."""

import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from query.app.filters import BY_TIME, Place, Sort, TraceFilter, TraceQuery
from query.app.presentation import Row
from query.app.queries.conditions import Binder, condition
from query.app.queries.search import text_condition
from query.app.queries.traces import TRACE_COLUMNS
from shared.database import Connection
from shared.errors import FieldProblem, InvalidFieldsError

# A page of rare matches ends early rather than late.
WALK_SECONDS = 2.0
# All traces of the range are sorted, where a page by time reads no more than it shows.
_SORT_SECONDS = 5
_FIRST_SLICE = timedelta(days=1)
_SHORTEST_SLICE = timedelta(hours=1)
_LONGEST_SLICE = timedelta(days=64)
_QUICK_SECONDS, _SLOW_SECONDS = 0.1, 0.5
_TICK = timedelta(microseconds=1)
_LAST_KEY = uuid.UUID(int=2**128 - 1)

_SORT_COLUMNS = {
    "duration_ms": "t.duration_us",
    "cost_usd": "t.cost_nano",
    "tokens_total": "t.tokens_total",
    "error_count": "t.error_count::int8",
    "span_count": "t.span_count::int8",
    "ttft_ms": "t.ttft_us",
}
# The order of the index, so that a page reads no more rows than it shows.
NEWEST_FIRST = "t.start_time desc, t.trace_id"
_OLDEST_FIRST = "t.start_time, t.trace_id desc"
_AFTER_NEWEST_FIRST = "t.start_time <= {0} and (t.start_time < {0} or t.trace_id > {1})"
_AFTER_OLDEST_FIRST = "t.start_time >= {0} and (t.start_time > {0} or t.trace_id < {1})"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of traces; ``cursor``, and the place that it stands for, are None on the last one.

    ``scanned_until`` is set when the page ended before it was full, at the time up to which all traces were looked at.
    """

    rows: list[Row]
    cursor: str | None
    scanned_until: datetime | None = None
    next_place: Place | None = None


async def list_traces(
    workspace: int, connection: Connection, query: TraceQuery, *, walk_seconds: float = WALK_SECONDS
) -> Page:
    """Return a page of traces.

    By time, the range is walked in slices until the page is full or the time is up, so that rare matches in a long
    range cost a bounded time. Any other order sorts all traces of the range.

    Raises:
        InvalidFieldsError: The range holds more traces than can be sorted in a few seconds.
    """
    if query.sort.field == BY_TIME:
        return await _page_by_time(workspace, connection, query, walk_seconds)
    try:
        async with connection.transaction():
            await connection.execute(f"set local statement_timeout = '{_SORT_SECONDS}s' /* workspace_id */")
            rows = await _fetch(workspace, connection, query, query.filter.start, query.filter.end)
    except asyncpg.QueryCanceledError:
        raise InvalidFieldsError(
            "There are too many traces to sort.",
            details=[FieldProblem("range", "is too long for this sort; shorten it, or add filters, or sort by time")],
        ) from None
    return _page(query, rows)


async def _page_by_time(workspace: int, connection: Connection, query: TraceQuery, walk_seconds: float) -> Page:
    first, last = query.filter.start, query.filter.end
    if first is None or last is None or query.filter.takes_all or last - first <= _FIRST_SLICE:
        return _page(query, await _fetch(workspace, connection, query, first, last))
    newest_first = query.sort.descending
    if query.after is not None:
        place = query.after.start_time
        first, last = (first, min(last, place + _TICK)) if newest_first else (max(first, place), last)
    rows: list[Row] = []
    length = _FIRST_SLICE
    began = time.monotonic()
    while first < last and len(rows) <= query.limit:
        began_slice = time.monotonic()
        if newest_first:
            lower, upper = max(first, last - length), last
            last = reached = lower
        else:
            lower, upper = first, min(last, first + length)
            first = reached = upper
        rows += await _fetch(workspace, connection, query, lower, upper, query.limit + 1 - len(rows))
        now = time.monotonic()
        length = _next_length(length, now - began_slice)
        if now - began >= walk_seconds and first < last and len(rows) <= query.limit:
            behind = Place(None, reached, _LAST_KEY)
            return Page(rows, query.cursor(behind), reached, behind)
    return _page(query, rows)


def _next_length(length: timedelta, seconds: float) -> timedelta:
    if seconds < _QUICK_SECONDS:
        return min(length * 4, _LONGEST_SLICE)
    if seconds > _SLOW_SECONDS:
        return max(length / 4, _SHORTEST_SLICE)
    return length


def _page(query: TraceQuery, rows: list[Row]) -> Page:
    if len(rows) <= query.limit:
        return Page(rows, None)
    del rows[query.limit :]
    place = place_of(query.sort, rows[-1])
    return Page(rows, query.cursor(place), next_place=place)


def place_of(sort: Sort, row: Row) -> Place:
    """Return the place of a row in a list of this order."""
    value = None if sort.field == BY_TIME else row["sort_value"]
    return Place(value, row["start_time"], row["trace_id"])


async def _fetch(
    workspace: int,
    connection: Connection,
    query: TraceQuery,
    start: datetime | None,
    end: datetime | None,
    limit: int | None = None,
) -> list[Row]:
    bind = Binder(workspace)
    where = where_of(bind, query.filter, start, end)
    columns = TRACE_COLUMNS
    if query.sort.field == BY_TIME:
        order = NEWEST_FIRST if query.sort.descending else _OLDEST_FIRST
        if query.after is not None:
            template = _AFTER_NEWEST_FIRST if query.sort.descending else _AFTER_OLDEST_FIRST
            where.append(template.format(bind(query.after.start_time), bind(query.after.key)))
    else:
        value = _SORT_COLUMNS[query.sort.field]
        columns += f", {value} as sort_value"
        order = f"{value} {'desc' if query.sort.descending else 'asc'} nulls last, {NEWEST_FIRST}"
        if query.after is not None:
            where.append(_after_value(bind, query.sort, query.after))
    most = bind(query.limit + 1 if limit is None else limit)
    sql = f"select {columns} from traces t where {' and '.join(where)} order by {order} limit {most}"  # noqa: S608
    rows: list[Row] = await connection.fetch(sql, *bind.arguments)
    return rows


def _after_value(bind: Binder, sort: Sort, after: Place) -> str:
    column = _SORT_COLUMNS[sort.field]
    later = _AFTER_NEWEST_FIRST.format(bind(after.start_time), bind(after.key))
    if after.value is None:
        return f"({column} is null and {later})"
    value = f"{bind(after.value)}::int8"
    sign = "<" if sort.descending else ">"
    return f"({column} {sign} {value} or {column} is null or ({column} = {value} and {later}))"


def where_of(bind: Binder, asked: TraceFilter, start: datetime | None, end: datetime | None) -> list[str]:
    """Return conditions on ``traces t`` that hold for the traces of a filter within a part of its range.

    Args:
        bind: Holds the workspace as the first argument.
        asked: Which traces.
        start: Start of the part, None when the filter has no range.
        end: End of the part, excluded.
    """
    where = ["t.workspace_id = $1"]
    since, until = "'-infinity'", "'infinity'"
    if start is not None and end is not None:
        since, until = bind(start), bind(end)
        where.append(f"t.start_time >= {since} and t.start_time < {until}")
    if asked.node is not None:
        where.append(condition(asked.node, bind, since))
    if asked.text is not None:
        where.append(text_condition(asked.text, bind, since, until))
    return where
