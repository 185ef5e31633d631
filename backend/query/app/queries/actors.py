"""SQL of sessions and users, which are both the traces that bear one id."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from query.app.presentation import Row
from query.app.queries.traces import TRACE_COLUMNS
from shared.database import Connection

Column = Literal["session_id", "user_id"]
Place = tuple[datetime, uuid.UUID]

_FILTERS = {
    "agent_id": "{0}.agent_id = any({1}::text[])",
    "user_id": "{0}.user_id = any({1}::text[])",
    "environment": "{0}.environment = any({1}::text[])",
}
_FAILED = "{0}.status <> 0"


@dataclass(frozen=True, slots=True)
class Walk:
    """A page of ids in the order of their latest, or first, matching trace.

    ``ceiling`` is when the first page was read: what starts later does not move an id that has not been shown yet.
    """

    column: Column
    start: datetime
    end: datetime
    ceiling: datetime
    by_first: bool
    filters: Mapping[str, Sequence[str]]
    has_error: bool | None
    after: Place | None
    limit: int


async def walk(workspace: int, connection: Connection, asked: Walk) -> list[Row]:
    """Return ids with the place of the trace that they are listed by, one more when there is a next page.

    Traces are read by time until enough of them are the latest of their id, so a page costs what it shows and not what
    the range holds.
    """
    arguments: list[object] = [workspace]

    def bind(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    start, end = bind(asked.start), bind(asked.end)
    bound = {name: bind(list(values)) for name, values in asked.filters.items()}

    def matches(alias: str) -> str:
        parts = [_FILTERS[name].format(alias, place) for name, place in bound.items()]
        if asked.has_error:
            parts.append(_FAILED.format(alias))
        return "".join(f" and {part}" for part in parts)

    column = asked.column
    same = f"n.workspace_id = $1 and n.{column} = t.{column}"
    if asked.by_first:
        nearer = f"n.start_time >= {start} and n.start_time <= t.start_time"
        other = "(n.start_time < t.start_time or n.trace_id > t.trace_id)"
    else:
        nearer = f"n.start_time >= t.start_time and n.start_time < {end} and n.start_time <= {bind(asked.ceiling)}"
        other = "(n.start_time > t.start_time or n.trace_id < t.trace_id)"
    where = [f"t.start_time >= {start} and t.start_time < {end} and t.{column} is not null{matches('t')}"]
    if asked.after is not None:
        moment, key = bind(asked.after[0]), bind(asked.after[1])
        where.append(f"t.start_time <= {moment} and (t.start_time < {moment} or t.trace_id > {key})")
    # With offset the planner asks the index for each row, where it might put all traces of the range into a hash.
    where.append(f"not exists (select from traces n where {same} and {nearer} and {other}{matches('n')} offset 0)")
    if asked.has_error is False:
        failing = f"n.start_time >= {start} and n.start_time < {end} and {_FAILED.format('n')}"
        where.append(f"not exists (select from traces n where {same} and {failing} offset 0)")
    sql = f"""
select t.{column} as actor, t.start_time, t.trace_id from traces t
where t.workspace_id = $1 and {" and ".join(where)}
order by t.start_time desc, t.trace_id limit {bind(asked.limit + 1)}
"""  # noqa: S608
    rows: list[Row] = await connection.fetch(sql, *arguments)
    return rows


_FIGURES = """
select a.actor, f.*, newest.status, opening.input_preview, closing.output_preview
from unnest($2::text[]) with ordinality as a (actor, place)
cross join lateral (
  select count(*) as trace_count, count(*) filter (where t.status <> 0) as error_count,
    min(t.start_time) as first_activity, max(t.start_time) as last_activity,
    max(t.start_time + coalesce(t.duration_us, 0) * interval '1 microsecond') as last_end,
    coalesce(sum(t.llm_call_count), 0)::int8 as llm_call_count,
    coalesce(sum(t.tool_call_count), 0)::int8 as tool_call_count,
    sum(t.tokens_input)::int8 as tokens_input, sum(t.tokens_output)::int8 as tokens_output,
    sum(t.tokens_total)::int8 as tokens_total, sum(t.cost_nano)::int8 as cost_nano,
    min(t.cost_source) filter (where t.cost_nano is not null) as cost_source,
    bool_or(t.cost_source = 5 or t.cost_source = 0 and coalesce(t.tokens_total, 0) > 0) as is_partial,
    count(distinct t.session_id) as session_count,
    (array_agg(distinct t.agent_id) filter (where t.agent_id is not null))[1:50] as agents,
    (array_agg(distinct t.user_id) filter (where t.user_id is not null))[1:50] as user_ids
  from traces t where t.workspace_id = $1 and t.{0} = a.actor and t.start_time >= $3 and t.start_time < $4
) f
left join lateral (
  select t.status from traces t
  where t.workspace_id = $1 and t.{0} = a.actor and t.start_time >= $3 and t.start_time < $4
  order by t.start_time desc, t.trace_id limit 1
) newest on true
left join lateral (
  select t.input_preview from traces t
  where t.workspace_id = $1 and t.{0} = a.actor and t.start_time >= $3 and t.start_time < $4
    and t.input_preview is not null
  order by t.start_time, t.trace_id desc limit 1
) opening on true
left join lateral (
  select t.output_preview from traces t
  where t.workspace_id = $1 and t.{0} = a.actor and t.start_time >= $3 and t.start_time < $4
    and t.output_preview is not null
  order by t.start_time desc, t.trace_id limit 1
) closing on true
where f.trace_count > 0
order by a.place
"""


async def read_figures(
    workspace: int, connection: Connection, column: Column, actors: Sequence[str], start: datetime, end: datetime
) -> list[Row]:
    """Return what the traces of each id come to, in the order of the ids; ids without traces are left out."""
    rows: list[Row] = await connection.fetch(_FIGURES.format(column), workspace, actors, start, end)
    return rows


_SESSION_TRACES = f"""
select {TRACE_COLUMNS} from traces t
where t.workspace_id = $1 and t.session_id = $2 and t.start_time >= $3 and t.start_time < $4
  and ($5::timestamptz is null or t.start_time >= $5 and (t.start_time > $5 or t.trace_id < $6::uuid))
order by t.start_time, t.trace_id desc limit $7
"""  # noqa: S608


async def read_session_traces(
    workspace: int,
    connection: Connection,
    session: str,
    start: datetime,
    end: datetime,
    after: Place | None,
    limit: int,
) -> list[Row]:
    """Return the rows of a session's traces, oldest first, and one more when there is a next page."""
    moment, key = after or (None, None)
    rows: list[Row] = await connection.fetch(_SESSION_TRACES, workspace, session, start, end, moment, key, limit + 1)
    return rows


_SESSION_SCORES = """
select name, avg(coalesce(value_number, value_boolean::int4::float8)) as mean
from (
  select distinct on (s.trace_id, s.name) s.name, s.value_number, s.value_boolean
  from traces t join scores s on s.workspace_id = t.workspace_id and s.trace_id = t.trace_id
  where t.workspace_id = $1 and t.session_id = $2 and t.start_time >= $3 and t.start_time < $4
  order by s.trace_id, s.name, s.span_id is not null, s.created_at desc, s.score_id desc
) latest
where value_number is not null or value_boolean is not null
group by name order by name
"""


async def read_session_scores(
    workspace: int, connection: Connection, session: str, start: datetime, end: datetime
) -> dict[str, float]:
    """Return the mean of each score over the traces of a session; of a trace the score that its row shows counts."""
    rows = await connection.fetch(_SESSION_SCORES, workspace, session, start, end)
    return {row["name"]: row["mean"] for row in rows}


_MINE = "t.user_id = $2 and t.start_time >= $3 and t.start_time < $4"
_COUNTS = "count(*) as trace_count, count(*) filter (where t.status <> 0) as error_count"
_USER_ACTIVITY = f"""
select date_trunc('day', t.start_time, 'UTC')::date as day, {_COUNTS},
  coalesce(sum(t.tokens_total), 0)::int8 as tokens_total, coalesce(sum(t.cost_nano), 0)::int8 as cost_nano
from traces t where t.workspace_id = $1 and {_MINE} group by 1 order by 1
"""  # noqa: S608
_USER_AGENTS = f"""
select t.agent_id as name, {_COUNTS}
from traces t where t.workspace_id = $1 and {_MINE} and t.agent_id is not null group by 1 order by 2 desc, 1 limit 20
"""  # noqa: S608
_USER_MODELS = f"""
select model as name, {_COUNTS}
from traces t, unnest(t.models) as model where t.workspace_id = $1 and {_MINE} group by 1 order by 2 desc, 1 limit 20
"""  # noqa: S608
_USER_ERRORS = f"""
select t.error_type as type, nullif(normalise_error(t.error_message), '') as message, count(*) as count,
  max(t.start_time) as last_seen
from traces t where t.workspace_id = $1 and {_MINE} and t.status <> 0
group by 1, 2 order by 3 desc, 4 desc, 1, 2 limit 20
"""  # noqa: S608
_USER_SESSIONS = f"""
select t.session_id, {_COUNTS}, min(t.start_time) as first_activity, max(t.start_time) as last_activity
from traces t where t.workspace_id = $1 and {_MINE} and t.session_id is not null group by 1 order by 5 desc, 1 limit 20
"""  # noqa: S608
_USER_TRACES = f"""
select {TRACE_COLUMNS} from traces t where t.workspace_id = $1 and {_MINE}
order by t.start_time desc, t.trace_id limit 20
"""  # noqa: S608
_USER_PARTS = {
    "activity": _USER_ACTIVITY,
    "by_agent": _USER_AGENTS,
    "by_model": _USER_MODELS,
    "errors": _USER_ERRORS,
    "recent_sessions": _USER_SESSIONS,
    "recent_traces": _USER_TRACES,
}


async def read_user_parts(
    workspace: int, connection: Connection, user: str, start: datetime, end: datetime
) -> dict[str, list[Row]]:
    """Return what a user did, by days, agents, models, kinds of errors, sessions and traces."""
    return {name: await connection.fetch(sql, workspace, user, start, end) for name, sql in _USER_PARTS.items()}
