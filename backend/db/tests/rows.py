"""Rows as the services store them, reduced to what these tests look at."""

import uuid
from datetime import datetime

from shared.database import Connection

INSERT_SPAN = """
insert into spans (workspace_id, trace_id, span_id, start_time, kind, status, name, tags, metadata)
values ($1, $2, $3, $4, 2, 0, 'chat', '{a,b}', '{"k": 1}')
"""
INSERT_LOG = """
insert into span_logs (workspace_id, trace_id, log_time, digest, event_name) values ($1, $2, $3, 1, 'message')
"""
INSERT_PAYLOAD = """
insert into span_payloads (workspace_id, trace_id, start_time, span_ids, format, body) values ($1, $2, $3, '{1}', 0, $4)
"""
INSERT_TRACE = """
insert into traces (workspace_id, trace_id, start_time, name, status, span_count, llm_call_count, tool_call_count,
                    error_count, cost_source, revision)
values ($1, $2, $3, 'agent', 0, 1, 1, 0, 0, 0, 1)
"""
INSERT_DOCUMENT = """
insert into search_documents (workspace_id, trace_id, start_time, revision, document) values ($1, $2, $3, 1, 'word')
"""
INSERT_HEAD = "insert into trace_heads (workspace_id, trace_id, first_start, last_start) values ($1, $2, $3, $3)"
INSERT_RECEIPT = """
insert into ingest_receipts (receipt_id, workspace_id, received_at, format, received) values ($1, $2, $3, 'flat', 1)
"""
INSERT_SCORE = """
insert into scores (workspace_id, score_id, trace_id, name, value_number, source, created_at)
values ($1, $2, $3, 'quality', 1, 'sdk', $4)
"""


async def store_trace(connection: Connection, workspace: int, start: datetime) -> uuid.UUID:
    """Store a trace of one span that starts at ``start`` in every table that holds a part of it."""
    trace = uuid.uuid4()
    await connection.execute(INSERT_HEAD, workspace, trace, start)
    await connection.execute(INSERT_SPAN, workspace, trace, 1, start)
    await connection.execute(INSERT_LOG, workspace, trace, start)
    await connection.execute(INSERT_PAYLOAD, workspace, trace, start, b"payload")
    await connection.execute(INSERT_TRACE, workspace, trace, start)
    await connection.execute(INSERT_DOCUMENT, workspace, trace, start)
    return trace


async def stored_days(connection: Connection, table: str, column: str) -> list[tuple[int, str]]:
    """Return workspace and day of each row of a table, in order."""
    rows = await connection.fetch(
        f"select workspace_id, to_char({column} at time zone 'UTC', 'YYYY-MM-DD') as day from {table} order by 1, 2"
    )
    return [(row["workspace_id"], row["day"]) for row in rows]
