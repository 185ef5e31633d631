"""Documents of the full-text index."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from processing.app.search.builder import IndexedTrace
from shared.database import Connection
from shared.domain import PayloadFormat

# Log records may come before their span and any time after it.
_SLACK = timedelta(days=1)
# What one trace may bring along; a document holds far less text than that.
_MOST_PAYLOAD_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A trace as it is stored now."""

    start_time: datetime
    revision: int
    trace: IndexedTrace


@dataclass(frozen=True, slots=True)
class Document:
    """What is stored for a trace; ``vector`` is a ``tsvector`` in binary form."""

    key: uuid.UUID
    start_time: datetime
    revision: int
    vector: bytes


async def prepare_connection(connection: Connection) -> None:
    """Let a connection send vectors in their binary form."""
    await connection.set_type_codec("tsvector", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary")


_SELECT_TRACES = """
select t.trace_id, t.start_time, t.revision, t.external_id, t.name, t.agent_id, t.session_id, t.user_id, t.service,
  t.environment, t.release, t.error_type, t.error_message, t.models, t.tools, t.tags, t.metadata::text as metadata,
  t.input_preview, t.output_preview, h.first_start, h.last_start
from unnest($2::uuid[]) as asked (trace_id)
join trace_heads h on h.workspace_id = $1 and h.trace_id = asked.trace_id
join traces t on t.workspace_id = $1 and t.trace_id = h.trace_id and t.start_time between h.first_start and h.last_start
where t.start_time between $3 and $4
"""
_SELECT_BOUNDS = """
select min(h.first_start) as first, max(h.last_start) as last
from unnest($2::uuid[]) as asked (trace_id)
join trace_heads h on h.workspace_id = $1 and h.trace_id = asked.trace_id
"""
_SELECT_PAYLOADS = """
select trace_id, format, body from (
  select p.trace_id, p.format, p.body,
    sum(length(p.body)) over (partition by p.trace_id order by p.start_time, p.span_ids) as bytes
  from span_payloads p
  where p.workspace_id = $1 and p.trace_id = any($2::uuid[]) and p.start_time between $3 and $4
) p where bytes <= $5
"""


async def read_traces(workspace: int, connection: Connection, keys: Sequence[uuid.UUID]) -> dict[uuid.UUID, Found]:
    """Return those of these traces that are stored, with what their documents are made from."""
    bounds = await connection.fetchrow(_SELECT_BOUNDS, workspace, keys)
    if bounds["first"] is None:
        return {}
    first, last = bounds["first"], bounds["last"]
    found: dict[uuid.UUID, Found] = {}
    for row in await connection.fetch(_SELECT_TRACES, workspace, keys, first, last):
        names = ("external_id", "name", "agent_id", "session_id", "user_id", "service", "environment", "release")
        texts = [row[name] for name in (*names, "error_type", "error_message") if row[name]]
        for name in ("models", "tools", "tags"):
            texts += row[name] or []
        previews = tuple(row[name] for name in ("input_preview", "output_preview") if row[name])
        trace = IndexedTrace(tuple(texts), row["metadata"], previews)
        found[uuid.UUID(bytes=row["trace_id"].bytes)] = Found(row["start_time"], row["revision"], trace)
    payloads = await connection.fetch(
        _SELECT_PAYLOADS, workspace, list(found), first - _SLACK, last + _SLACK, _MOST_PAYLOAD_BYTES
    )
    for row in payloads:
        key = uuid.UUID(bytes=row["trace_id"].bytes)
        found[key].trace.payloads.append((PayloadFormat(row["format"]), row["body"]))
    return found


# A document of an earlier start, or of a trace that is gone, is nobody's any more.
_DELETE_OTHERS = """
delete from search_documents d
using unnest($2::uuid[], $3::timestamptz[]) as kept (trace_id, start_time)
where d.workspace_id = $1 and d.trace_id = kept.trace_id and d.start_time is distinct from kept.start_time
"""
_INSERT = """
insert into search_documents as d (workspace_id, trace_id, start_time, revision, document)
select $1, trace_id, start_time, revision, document
from unnest($2::uuid[], $3::timestamptz[], $4::int8[], $5::tsvector[])
  as new (trace_id, start_time, revision, document)
order by trace_id
on conflict (workspace_id, trace_id, start_time) do update
set revision = excluded.revision, document = excluded.document
where d.revision <= excluded.revision
"""


async def write_documents(
    workspace: int, connection: Connection, documents: Sequence[Document], gone: Iterable[uuid.UUID]
) -> None:
    """Store documents, newer over older ones, and remove those of traces that are gone."""
    starts: Mapping[uuid.UUID, datetime | None] = {
        **dict.fromkeys(gone),
        **{document.key: document.start_time for document in documents},
    }
    async with connection.transaction():
        # If the server crashes right after, the messages are delivered again.
        await connection.execute("set local synchronous_commit = off")
        await connection.execute(_DELETE_OTHERS, workspace, list(starts), list(starts.values()))
        if documents:
            await connection.execute(
                _INSERT,
                workspace,
                [document.key for document in documents],
                [document.start_time for document in documents],
                [document.revision for document in documents],
                [document.vector for document in documents],
            )


_SELECT_MISSING = """
select t.trace_id, t.start_time from traces t
where t.workspace_id = $1 and t.start_time >= $2 and t.start_time < $3
  and (t.start_time, t.trace_id) > ($4, $5)
  and not exists (
    select from search_documents d
    where d.workspace_id = t.workspace_id and d.trace_id = t.trace_id and d.start_time = t.start_time
      and d.start_time >= $2 and d.start_time < $3 and d.revision >= t.revision
  )
order by t.start_time, t.trace_id limit $6
"""


async def find_missing(
    workspace: int,
    connection: Connection,
    start: datetime,
    end: datetime,
    after: tuple[datetime, uuid.UUID],
    limit: int,
) -> list[tuple[datetime, uuid.UUID]]:
    """Return time and key of traces of a range, behind a place, that have no document or an old one."""
    rows = await connection.fetch(_SELECT_MISSING, workspace, start, end, *after, limit)
    return [(row["start_time"], uuid.UUID(bytes=row["trace_id"].bytes)) for row in rows]
