"""SQL of the graph of a trace."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from query.app.presentation import Row
from query.app.queries.traces import TraceHead
from shared.database import Connection
from shared.domain import PayloadFormat
from shared.ids import trace_hex

# Clocks differ, so a payload may be kept under a time before that of its spans.
_SLACK = timedelta(days=1)

_SELECT_SPANS = """
select span_id, parent_span_id, start_time, duration_us, kind, status, name, agent_id, tool_name,
  coalesce(model, model_requested) as model, counted, tokens_input::int8, tokens_output::int8, cost_nano,
  coalesce(tokens_total, tokens_input::int8 + coalesce(tokens_output, 0), tokens_output)::int8 as tokens_total
from spans where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4
order by start_time, span_id limit $5
"""


async def read_graph_spans(workspace: int, connection: Connection, head: TraceHead, limit: int) -> list[Row]:
    """Return what the graph needs of the spans of a trace, by time."""
    rows: list[Row] = await connection.fetch(
        _SELECT_SPANS, workspace, head.key, head.first_start, head.last_start, limit
    )
    return rows


# Lengths of bodies are known without reading them.
_SELECT_PAYLOADS = """
select format, body, span_ids, sum_all <= $5 as complete
from (
  select format, body, span_ids, wanted, start_time,
    sum(octet_length(body)) over (order by wanted desc, start_time rows unbounded preceding) as sum_here,
    sum(octet_length(body)) over () as sum_all
  from (
    select format, body, span_ids, start_time, span_ids && $6::int8[] as wanted
    from span_payloads where workspace_id = $1 and trace_id = $2 and start_time >= $3 and format <> all($4::int2[])
  ) payloads
) summed where sum_here <= $5
order by wanted desc, start_time
"""
# Neither log records nor flat traces have links.
_WITHOUT_LINKS = (PayloadFormat.OTLP_LOGS, PayloadFormat.FLAT)
_COUNT_PAYLOADS = """
select exists (
  select from span_payloads where workspace_id = $1 and trace_id = $2 and start_time >= $3 and format <> all($4::int2[])
)
"""


async def read_payloads_within(
    workspace: int, connection: Connection, head: TraceHead, budget: int, wanted: Sequence[int]
) -> tuple[list[Row], bool]:
    """Return payloads of a trace of so many bytes altogether, and whether these are all.

    Payloads that hold one of the wanted spans come first.
    """
    first = head.first_start - _SLACK
    rows: list[Row] = await connection.fetch(
        _SELECT_PAYLOADS, workspace, head.key, first, _WITHOUT_LINKS, budget, wanted
    )
    if rows:
        return rows, rows[0]["complete"]
    return rows, not await connection.fetchval(_COUNT_PAYLOADS, workspace, head.key, first, _WITHOUT_LINKS)


_SELECT_NAMES = """
select t.trace_id, t.external_id, t.name from trace_heads h
join traces t on t.workspace_id = h.workspace_id and t.trace_id = h.trace_id
  and t.start_time between h.first_start and h.last_start
where h.workspace_id = $1 and h.trace_id = any($2::uuid[])
"""


async def read_trace_names(
    workspace: int, connection: Connection, keys: Sequence[bytes]
) -> dict[bytes, tuple[str, str]]:
    """Return the public id and the name of those of the traces that the workspace has."""
    rows = await connection.fetch(_SELECT_NAMES, workspace, [uuid.UUID(bytes=key) for key in keys])
    return {
        row["trace_id"].bytes: (row["external_id"] or trace_hex(row["trace_id"].bytes), row["name"]) for row in rows
    }
