"""Rows of the traces database for tests of what reads them, written by SQL and so without the services that store."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import zstandard

from db.maintenance import ensure_partitions
from shared.database import Connection
from shared.domain import CostSource, PayloadFormat, SpanKind, Status
from shared.ids import is_hex, span_key, trace_key
from shared.rollups.queries import contribute

_SPAN_DEFAULTS: dict[str, Any] = {
    "parent_span_id": None,
    "duration_us": 1000,
    "kind": SpanKind.CHAIN,
    "status": Status.SUCCESS,
    "name": "step",
    "cost_source": CostSource.UNPRICED,
}
# A span that reports any of these counts, unless the test says otherwise.
_USAGE = ("tokens_input", "tokens_output", "tokens_total", "cost_nano")
_TRACE_DEFAULTS: dict[str, Any] = {
    "name": "trace",
    "status": Status.SUCCESS,
    "duration_us": 1000,
    "llm_call_count": 0,
    "tool_call_count": 0,
    "error_count": 0,
    "cost_source": CostSource.UNPRICED,
    "revision": 1,
}


def recently() -> datetime:
    """Return a time of a minute ago in whole milliseconds, UTC."""
    now = datetime.now(UTC) - timedelta(minutes=1)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


async def store_trace(
    connection: Connection,
    workspace: int,
    trace_id: str,
    *,
    start_time: datetime | None = None,
    spans: Sequence[Mapping[str, Any]] | None = None,
    **columns: Any,
) -> None:
    """Store a trace with its head and spans, and add it to the rollups.

    Args:
        connection: Connection to the traces database.
        workspace: Number of the workspace.
        trace_id: Public id, of any form.
        start_time: Start of the trace; a minute ago unless given.
        spans: Columns of each span; ``span_id`` and ``parent_span_id`` as text or number, ``start_time`` is the trace's
            unless given. One span unless given.
        **columns: Further columns of the row of the trace.
    """
    start = start_time or recently()
    rows = [_span_row(workspace, trace_id, start, span) for span in ([{"span_id": 1}] if spans is None else spans)]
    starts = [row["start_time"] for row in rows] or [start]
    key = uuid.UUID(bytes=trace_key(trace_id))
    trace = {
        "workspace_id": workspace,
        "trace_id": key,
        "start_time": start,
        "external_id": None if is_hex(trace_id, 32) else trace_id,
        "span_count": len(rows),
        "kinds": sorted({row["kind"] for row in rows}),
        "tools": sorted({row["tool_name"] for row in rows if row.get("tool_name")}) or None,
        "services": sorted({row["service"] for row in rows if row.get("service")}) or None,
        **_TRACE_DEFAULTS,
        **columns,
    }
    if isinstance(trace.get("metadata"), Mapping):
        trace["metadata"] = orjson.dumps(trace["metadata"]).decode()
    await ensure_partitions(connection, {moment.date() for moment in (start, *starts)})
    head = {
        "workspace_id": workspace,
        "trace_id": key,
        "first_start": min(start, *starts),
        "last_start": max(start, *starts),
    }
    await insert(connection, "trace_heads", head)
    await insert(connection, "traces", trace)
    columns_of_spans = sorted({name for row in rows for name in row})
    await connection.copy_records_to_table(
        "spans", columns=columns_of_spans, records=[[row.get(name) for name in columns_of_spans] for row in rows]
    )
    await contribute(connection, [(workspace, key, head["first_start"], head["last_start"])], 1)


def _span_row(workspace: int, trace_id: str, start: datetime, span: Mapping[str, Any]) -> dict[str, Any]:
    row = {
        **_SPAN_DEFAULTS,
        "workspace_id": workspace,
        "trace_id": uuid.UUID(bytes=trace_key(trace_id)),
        "start_time": start,
        **span,
    }
    for name in ("span_id", "parent_span_id"):
        if isinstance(row[name], str):
            row[name] = span_key(row[name])
    row.setdefault("counted", any(row.get(name) for name in _USAGE))
    return row


async def store_payload(
    connection: Connection,
    workspace: int,
    trace_id: str,
    span_ids: Sequence[int],
    payload_format: PayloadFormat,
    frame: bytes,
    *,
    start_time: datetime | None = None,
) -> None:
    """Store the payload of spans, or of log records of spans, of one trace; ``frame`` is not compressed."""
    start = start_time or recently()
    await ensure_partitions(connection, {start.date()})
    row = {
        "workspace_id": workspace,
        "trace_id": uuid.UUID(bytes=trace_key(trace_id)),
        "start_time": start,
        "span_ids": list(span_ids),
        "format": payload_format,
        "body": zstandard.compress(frame),
    }
    await insert(connection, "span_payloads", row)


async def store_score(
    connection: Connection, workspace: int, trace_id: str, name: str, value: float | bool | str, **columns: Any
) -> None:
    """Store a score of a trace, or of a span of it when ``span_id`` is given."""
    kind = "boolean" if isinstance(value, bool) else "label" if isinstance(value, str) else "number"
    row = {
        "workspace_id": workspace,
        "score_id": uuid.uuid4(),
        "trace_id": uuid.UUID(bytes=trace_key(trace_id)),
        "name": name,
        f"value_{kind}": value,
        "source": "code",
        "created_at": recently(),
        **columns,
    }
    await insert(connection, "scores", row)


async def insert(connection: Connection, table: str, row: Mapping[str, Any]) -> None:
    """Insert one row; names are the program's own, values are bound."""
    places = ", ".join(f"${index + 1}" for index in range(len(row)))
    await connection.execute(f"insert into {table} ({', '.join(row)}) values ({places})", *row.values())
