"""How often values occur among the traces of a filter, and when the traces began."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from query.app.filters import TraceFilter
from query.app.queries.conditions import Binder
from query.app.queries.listing import NEWEST_FIRST, where_of
from query.app.queries.rollups import Ask, read_top
from query.app.windows import Granularity, Window, choose_granularity, points_of, window_of
from shared.database import Connection
from shared.domain import CostSource, SpanKind, Status
from shared.http.ranges import TimeRange
from shared.rollups.spec import AGENT, ORIGIN, TOTAL, TRACE, Rollup

# The newest so many traces are counted, which takes a twentieth of a second.
MOST_TRACES = 10_000
_COLUMNS = {
    "status": "status",
    "agent_id": "agent_id",
    "model": "models",
    "provider": "providers",
    "environment": "environment",
    "release": "release",
    "tags": "tags",
    "user_id": "user_id",
    "session_id": "session_id",
    "service": "services",
    "tool_name": "tools",
    "kind": "kinds",
    "cost_source": "cost_source",
    "error_type": "error_type",
}
_LISTS = ("model", "provider", "tags", "service", "tool_name", "kind")
_WORDS = {"status": Status, "kind": SpanKind, "cost_source": CostSource}
_OF_SPANS = ("service", "tool_name", "kind")
# Not of users and sessions, of which there are nearly as many as traces.
_ROLLUPS: dict[str, Rollup] = {
    "status": TRACE,
    "agent_id": AGENT,
    "environment": TOTAL,
    "release": TRACE,
}

Values = list[dict[str, object]]
_Outcomes = dict[datetime, dict[Status, int]]


@dataclass(frozen=True, slots=True)
class _Chart:
    """The buckets of a histogram over time."""

    window: Window
    granularity: Granularity


@dataclass(frozen=True, slots=True)
class _Sample:
    traces: int
    since: datetime | None
    # Whether some of the traces do not tell what is among their spans.
    unlisted: bool
    values: dict[str, Values]
    outcomes: _Outcomes


async def count_facets(
    workspace: int,
    connection: Connection,
    asked: TraceFilter,
    facets: Sequence[str],
    limit: int,
    *,
    most: int = MOST_TRACES,
) -> dict[str, object]:
    """Return the most frequent values of each facet, a histogram of the traces over time, and what was counted.

    Up to ``most`` traces are counted exactly. Of more, the rollups tell all of agents and the like when nothing is
    filtered, with the times rounded to whole buckets, and the newest traces stand for the rest; both are marked as
    estimated. The histogram then begins with the first bucket of which all traces were counted.

    Args:
        workspace: Number of the workspace.
        connection: Connection to the traces database.
        asked: Which traces.
        facets: Names of facets.
        limit: Most values of a facet.
        most: Most traces to look at.
    """
    chart = _chart_of(asked)
    sample = await _count_sample(workspace, connection, asked, facets, limit, most + 1, chart)
    complete = sample.traces <= most
    answer: list[dict[str, object]] = []
    for name in facets:
        values = None if complete else await _read_rollup(workspace, connection, asked, name, limit)
        estimated = not complete or (sample.unlisted and name in _OF_SPANS)
        answer.append(
            {"name": name, "values": sample.values[name] if values is None else values, "estimated": estimated}
        )
    return {
        "facets": answer,
        "histogram": None if chart is None else _histogram(chart, sample, complete=complete),
        "sample": {"traces": sample.traces, "since": sample.since, "complete": complete},
    }


def _chart_of(asked: TraceFilter) -> _Chart | None:
    """Return the buckets that suit the range, None without one."""
    if asked.start is None or asked.end is None:
        return None
    now = datetime.now(UTC)
    window = window_of(TimeRange(asked.start, asked.end), is_open=asked.end > now, now=now)
    return _Chart(window, choose_granularity(None, window, now))


def _histogram(chart: _Chart, sample: _Sample, *, complete: bool) -> dict[str, object]:
    times = points_of(chart.window, chart.granularity, sample.outcomes)
    if not complete and sample.since is not None:
        # Of the bucket that the sample begins in, and all before, not every trace was counted.
        times = [time for time in times if time > sample.since]
    points = []
    for time in times:
        counts = sample.outcomes.get(time, {})
        points.append({"time": time, **{status.word: counts.get(status, 0) for status in Status}})
    return {"granularity": chart.granularity.name, "points": points}


async def _count_sample(
    workspace: int,
    connection: Connection,
    asked: TraceFilter,
    facets: Sequence[str],
    limit: int,
    most: int,
    chart: _Chart | None,
) -> _Sample:
    bind = Binder(workspace)
    where = " and ".join(where_of(bind, asked, asked.start, asked.end))
    most_traces, most_values = bind(most), bind(limit)
    columns = [_COLUMNS[name] for name in facets]
    arms = " union all ".join(_arm(index, facets, most_values) for index in range(len(facets)))
    buckets = ""
    if chart is not None:
        bucket = f"date_bin({bind(chart.granularity.length)}, start_time, {bind(ORIGIN)})"
        buckets = f"union all select null, status::text, count(*), {bucket}, null from found group by status, 4"  # noqa: S608
    # One pass counts all columns, lists as a whole; the few different lists are taken apart after that.
    sql = f"""
with found as materialized (
  select {", ".join(dict.fromkeys([*columns, "kinds", "start_time", "status"]))} from traces t
  where {where} order by {NEWEST_FIRST} limit {most_traces}
), grouped as materialized (
  select grouping({", ".join(columns)}) as absent, {", ".join(columns)}, count(*) as n
  from found group by grouping sets ({", ".join(f"({column})" for column in columns)})
)
select facet, value, n, null::timestamptz as since, null::boolean as unlisted from ({arms}) counted
{buckets}
union all
select null, null, count(*), min(start_time), bool_or(kinds is null) from found /* workspace_id = $1 */
"""  # noqa: S608
    values: dict[str, Values] = {name: [] for name in facets}
    outcomes: _Outcomes = {}
    traces, since, unlisted = 0, None, False
    for row in await connection.fetch(sql, *bind.arguments):
        if row["facet"] is not None:
            values[row["facet"]].append(_value(row["facet"], row["value"], row["n"]))
        elif row["value"] is not None:
            outcomes.setdefault(row["since"], {})[Status(int(row["value"]))] = row["n"]
        else:
            traces, since, unlisted = row["n"], row["since"], bool(row["unlisted"])
    return _Sample(traces, since, unlisted, values, outcomes)


def _arm(index: int, facets: Sequence[str], most_values: str) -> str:
    name = facets[index]
    column = _COLUMNS[name]
    # Each bit of grouping() tells that a column is absent from the group; the last column has the lowest bit.
    absent = (1 << len(facets)) - 1 - (1 << (len(facets) - 1 - index))
    item, source = ("item", f", unnest({column}) item") if name in _LISTS else (column, "")
    return (
        f"(select '{name}' as facet, {item}::text as value, sum(n)::int8 as n from grouped{source}"  # noqa: S608
        f" where absent = {absent} and {item} is not null group by {item}"
        f' order by sum(n) desc, {item}::text collate "C" limit {most_values})'
    )


async def _read_rollup(
    workspace: int, connection: Connection, asked: TraceFilter, name: str, limit: int
) -> Values | None:
    """Return the values of a facet over the whole range, None where no rollup tells them."""
    rollup = _ROLLUPS.get(name)
    if rollup is None or not asked.takes_all or asked.start is None or asked.end is None:
        return None
    now = datetime.now(UTC)
    window = window_of(TimeRange(asked.start, asked.end), is_open=asked.end > now, now=now)
    # Absent values are the empty text there.
    rows = await read_top(workspace, connection, Ask(rollup, window, (), (name,)), order="n", limit=limit + 1)
    return [_value(name, row[name], row["n"]) for row in rows if row[name] != ""][:limit]


def _value(facet: str, value: object, count: int) -> dict[str, object]:
    words = _WORDS.get(facet)
    return {"value": str(value) if words is None else words(int(str(value))).word, "count": count}
