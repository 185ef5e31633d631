"""Traces, their spans and their payloads; the workspace comes first in every function and in every statement."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from query.app.basis import Basis
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
cost_source, price_id, ttft_us, tool_name, service, error_type, error_message
"""


@asynccontextmanager
async def snapshot(pool: Pool) -> AsyncIterator[Connection]:
    """Yield a connection whose statements all see the same moment; a trace may move to another day in between."""
    async with (
        pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


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

    @property
    def basis(self) -> Basis:
        """Return what an answer about the trace rests on."""
        return Basis.of_trace(self.first_start, self.last_start)


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
