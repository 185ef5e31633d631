"""All SQL of the query service; the workspace comes first in every function and in every statement."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from query.app.filters import TraceQuery
from query.app.presentation import Row, score_value
from shared.database import ACQUIRE_SECONDS, Connection, Pool
from shared.domain import PayloadFormat
from shared.ids import trace_key

# Clocks differ, so a log record may seem older than its span; it may come any time after it.
_SLACK = timedelta(days=1)
_PAYLOAD_PREFETCH = 4

TRACE_COLUMNS = """
t.trace_id, t.external_id, t.name, t.agent_id, t.session_id, t.user_id, t.status, t.start_time, t.duration_us,
t.span_count, t.llm_call_count, t.tool_call_count, t.error_count, t.tokens_input, t.tokens_output, t.tokens_total,
t.tokens_cached, t.tokens_reasoning, t.cost_nano, t.cost_source, t.models, t.providers, t.environment, t.release,
t.tags, t.metadata, t.input_preview, t.output_preview, t.error_type, t.error_message
"""
_SPAN_COLUMNS = """
span_id, parent_span_id, name, kind, status, start_time, duration_us, agent_id, session_id, user_id, model,
model_requested, model_provider, tokens_input, tokens_output, tokens_total, tokens_cached, tokens_reasoning, cost_nano,
cost_source, ttft_us, tool_name, service, error_type, error_message
"""
_CONDITIONS = {
    "trace_id": "t.trace_id = any({}::uuid[])",
    "agent_id": "t.agent_id = any({}::text[])",
    "session_id": "t.session_id = any({}::text[])",
    "user_id": "t.user_id = any({}::text[])",
    "provider": "t.providers && {}::text[]",
    "model": "t.models && {}::text[]",
    "environment": "t.environment = any({}::text[])",
    "release": "t.release = any({}::text[])",
    "status": "t.status = any({}::int2[])",
    "cost_source": "t.cost_source = any({}::int2[])",
    "any_tag": "t.tags && {}::text[]",
    "has_error": "(t.error_count > 0) = {}::boolean",
    "min_duration": "t.duration_us >= {}::int8",
    "max_duration": "t.duration_us <= {}::int8",
    "min_ttft": "t.ttft_us >= {}::int8",
    "max_ttft": "t.ttft_us <= {}::int8",
    "min_cost": "t.cost_nano >= {}::int8",
    "max_cost": "t.cost_nano <= {}::int8",
    "min_tokens_total": "t.tokens_total >= {}::int8",
    "max_tokens_total": "t.tokens_total <= {}::int8",
    "metadata": "t.metadata ->> {}::text = any({}::text[])",
}
_SPAN_CONDITIONS = {
    "kind": "s.kind = any({}::int2[])",
    "tool_name": "s.tool_name = any({}::text[])",
    "service": "s.service = any({}::text[])",
}
# The head of a trace bounds its spans to their days, and the range of the list keeps older days out of the plan.
_SPAN_EXISTS = """exists (
  select from trace_heads h join spans s on s.workspace_id = h.workspace_id and s.trace_id = h.trace_id
    and s.start_time between h.first_start and h.last_start
  where h.workspace_id = t.workspace_id and h.trace_id = t.trace_id and s.start_time >= {since} and {condition}
)"""
# The order of the index, so that a page reads no more rows than it shows.
_NEWEST_FIRST = "t.start_time desc, t.trace_id"
_OLDEST_FIRST = "t.start_time, t.trace_id desc"
_AFTER_NEWEST_FIRST = "t.start_time <= {0} and (t.start_time < {0} or t.trace_id > {1})"
_AFTER_OLDEST_FIRST = "t.start_time >= {0} and (t.start_time > {0} or t.trace_id < {1})"


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """Yield a connection whose statements all see the same moment; a trace may move to another day in between."""
    async with (
        pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def list_traces(workspace: int, connection: Connection, query: TraceQuery) -> list[Row]:
    """Return the rows of a page and one more when there is a next page."""
    arguments: list[object] = [workspace]

    def bind(*values: object) -> list[str]:
        arguments.extend(values)
        return [f"${len(arguments) - len(values) + 1 + index}" for index in range(len(values))]

    where = ["t.workspace_id = $1"]
    since = "'-infinity'"
    if query.start is not None:
        since, until = bind(query.start, query.end)
        where.append(f"t.start_time >= {since} and t.start_time < {until}")
    if query.after is not None:
        template = _AFTER_NEWEST_FIRST if query.newest_first else _AFTER_OLDEST_FIRST
        where.append(template.format(*bind(*query.after)))
    for condition in query.conditions:
        values = bind(*condition.values)
        if condition.name in _CONDITIONS:
            where.append(_CONDITIONS[condition.name].format(*values))
        else:
            of_span = _SPAN_CONDITIONS[condition.name].format(*values)
            where.append(_SPAN_EXISTS.format(since=since, condition=of_span))
    order = _NEWEST_FIRST if query.newest_first else _OLDEST_FIRST
    (limit,) = bind(query.limit + 1)
    sql = f"select {TRACE_COLUMNS} from traces t where {' and '.join(where)} order by {order} limit {limit}"  # noqa: S608
    rows: list[Row] = await connection.fetch(sql, *arguments)
    return rows


_SELECT_SCORES = """
select distinct on (trace_id, name) trace_id, name, value_number, value_boolean, value_label
from scores where workspace_id = $1 and trace_id = any($2::uuid[])
order by trace_id, name, span_id is not null, created_at desc, score_id desc
"""


async def read_scores(
    workspace: int, connection: Connection, keys: Sequence[uuid.UUID]
) -> dict[uuid.UUID, dict[str, object]]:
    """Return the scores of traces by name: the latest one, one of the whole trace before one of a span."""
    scores: dict[uuid.UUID, dict[str, object]] = {}
    for row in await connection.fetch(_SELECT_SCORES, workspace, keys):
        scores.setdefault(row["trace_id"], {})[row["name"]] = score_value(row)
    return scores


@dataclass(frozen=True, slots=True)
class TraceHead:
    """Key of a trace and the times between which its spans start."""

    key: uuid.UUID
    first_start: datetime
    last_start: datetime


_SELECT_HEAD = "select first_start, last_start from trace_heads where workspace_id = $1 and trace_id = $2"


async def find_head(workspace: int, connection: Connection, trace_id: str) -> TraceHead | None:
    """Return where a trace is stored, None when the workspace has no such trace."""
    key = uuid.UUID(bytes=trace_key(trace_id))
    row = await connection.fetchrow(_SELECT_HEAD, workspace, key)
    return None if row is None else TraceHead(key, row["first_start"], row["last_start"])


_SELECT_TRACE = f"""
select {TRACE_COLUMNS} from traces t
where t.workspace_id = $1 and t.trace_id = $2 and t.start_time between $3 and $4
"""  # noqa: S608


async def read_trace(workspace: int, connection: Connection, head: TraceHead) -> Row | None:
    """Return the row of a trace."""
    row: Row | None = await connection.fetchrow(_SELECT_TRACE, workspace, head.key, head.first_start, head.last_start)
    return row


_SELECT_TREE = """
select array_agg(span_id order by start_time, span_id) as span_ids,
  array_agg(parent_span_id order by start_time, span_id) as parent_ids
from spans where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4
"""


async def read_tree(
    workspace: int, connection: Connection, head: TraceHead
) -> tuple[Sequence[int], Sequence[int | None]]:
    """Return all spans of a trace by time and the parent of each.

    Only ids travel, as two arrays, so that even 100,000 spans are put in order in a fraction of a second; rows are read
    for one page.
    """
    row = await connection.fetchrow(_SELECT_TREE, workspace, head.key, head.first_start, head.last_start)
    return row["span_ids"] or (), row["parent_ids"] or ()


_SELECT_SPANS = f"""
select {_SPAN_COLUMNS} from spans
where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4 and span_id = any($5::int8[])
"""  # noqa: S608


async def read_spans(workspace: int, connection: Connection, head: TraceHead, span_ids: Sequence[int]) -> list[Row]:
    """Return the rows of these spans in the order of the ids."""
    rows = await connection.fetch(_SELECT_SPANS, workspace, head.key, head.first_start, head.last_start, span_ids)
    by_id = {row["span_id"]: row for row in rows}
    return [by_id[span_id] for span_id in span_ids if span_id in by_id]


_SELECT_CHILDREN = f"""
select {_SPAN_COLUMNS} from spans
where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4 and parent_span_id = $5
  and ($6::timestamptz is null or (start_time, span_id) > ($6, $7::int8))
order by start_time, span_id limit $8
"""  # noqa: S608


async def read_children(
    workspace: int,
    connection: Connection,
    head: TraceHead,
    parent_id: int,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Row]:
    """Return the children of a span by time, from behind a place on."""
    start_time, span_id = after or (None, None)
    rows: list[Row] = await connection.fetch(
        _SELECT_CHILDREN, workspace, head.key, head.first_start, head.last_start, parent_id, start_time, span_id, limit
    )
    return rows


_SELECT_WITH_PAYLOAD = """
select distinct span_id from span_payloads, unnest(span_ids) as span_id
where workspace_id = $1 and trace_id = $2 and start_time >= $3 and format <> $4
  and span_ids && $5::int8[] and span_id = any($5::int8[])
"""


async def read_with_payload(
    workspace: int, connection: Connection, head: TraceHead, span_ids: Sequence[int]
) -> set[int]:
    """Return which of these spans have a payload; no payload is read for it."""
    rows = await connection.fetch(
        _SELECT_WITH_PAYLOAD, workspace, head.key, head.first_start - _SLACK, PayloadFormat.OTLP_LOGS, span_ids
    )
    return {row["span_id"] for row in rows}


_SELECT_PAYLOADS = """
select format, body from span_payloads
where workspace_id = $1 and trace_id = $2 and start_time >= $3 and span_ids @> array[$4::int8]
order by start_time
"""


async def iter_payloads(
    workspace: int, connection: Connection, head: TraceHead, span_id: int
) -> AsyncIterator[tuple[PayloadFormat, bytes]]:
    """Yield format and body of each payload that holds a version or a log record of a span, a few at a time."""
    first = head.first_start - _SLACK
    cursor = connection.cursor(_SELECT_PAYLOADS, workspace, head.key, first, span_id, prefetch=_PAYLOAD_PREFETCH)
    row: Any
    async for row in cursor:
        yield PayloadFormat(row["format"]), row["body"]
