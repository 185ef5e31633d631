"""Removal of what people want gone: one trace, or all of a workspace."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import orjson

from processing.app.batch import outbox_rows
from processing.app.queries.records import announce_judged
from processing.app.queries.storing import copy_rows
from processing.app.rows import OUTBOX_COLUMNS
from shared.changes import days_between
from shared.database import Connection, Pool
from shared.rollups.queries import contribute

# Log records may come before their span and any time after it.
_SLACK = timedelta(days=1)
_ROWS_AT_ONCE = 10_000

_LOCK_HEAD = """
select first_start, last_start, revision from trace_heads where workspace_id = $1 and trace_id = $2 for update
"""
_DELETE_DATED = (
    "delete from spans where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4",
    "delete from span_payloads where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4",
    "delete from span_logs where workspace_id = $1 and trace_id = $2 and log_time between $3 and $4",
    "delete from traces where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4",
    "delete from search_documents where workspace_id = $1 and trace_id = $2 and start_time between $3 and $4",
)
_DELETE_SAID = tuple(
    f"delete from {table} where workspace_id = $1 and trace_id = $2 returning created_at"  # noqa: S608
    for table in ("scores", "feedback", "outcomes", "evaluations")
)
_DELETE_OTHERS = tuple(
    f"delete from {table} where workspace_id = $1 and trace_id = $2"  # noqa: S608
    for table in ("guardrail_violations", "dead_letters", "trace_heads")
)
# Without this, a body that was stored as a whole within the last day would be passed over as a repeat.
_NOTE = """
insert into trace_deletions as d (workspace_id, deleted_at) values ($1, clock_timestamp())
on conflict (workspace_id) do update set deleted_at = greatest(d.deleted_at, excluded.deleted_at)
"""
_AUDIT = """
insert into audit_log (workspace_id, actor_type, actor_id, action, target_type, target_id, result, request_id, details)
values ($1, $2, $3, 'delete_trace', 'trace', $4, 'success', $5, $6::text::jsonb)
"""


@dataclass(frozen=True, slots=True)
class Deletion:
    """Who deletes which trace: the trace as its address names it, and as it is stored."""

    workspace: int
    workspace_id: uuid.UUID
    actor_type: str
    actor_id: uuid.UUID
    request_id: str
    trace_id: str
    key: uuid.UUID


async def delete_trace(traces: Pool, metadata: Pool, asked: Deletion) -> set[date]:
    """Remove a trace and everything that belongs to it, rollups included; return the days that changed, if any.

    What is received later under the same id is new data. The audit log has its line before anything is gone, so that
    nothing is ever gone without one.
    """
    async with traces.acquire() as connection, connection.transaction():
        head = await connection.fetchrow(_LOCK_HEAD, asked.workspace, asked.key)
        if head is None:
            return set()
        await metadata.execute(
            _AUDIT,
            asked.workspace_id,
            asked.actor_type,
            asked.actor_id,
            asked.trace_id,
            asked.request_id,
            orjson.dumps({"revision": head["revision"]}).decode(),
        )
        first, last = head["first_start"], head["last_start"]
        await contribute(connection, [(asked.workspace, asked.key, first, last)], -1)
        for statement in _DELETE_DATED:
            await connection.execute(statement, asked.workspace, asked.key, first - _SLACK, last + _SLACK)
        said = set()
        for statement in _DELETE_SAID:
            rows = await connection.fetch(statement, asked.workspace, asked.key)
            said |= {row["created_at"].date() for row in rows}
        for statement in _DELETE_OTHERS:
            await connection.execute(statement, asked.workspace, asked.key)
        await _announce(connection, asked, head["revision"] + 1, first, last)
        if said:
            await announce_judged(connection, asked.workspace, asked.workspace_id, (), said)
        # Last, since deletions in one workspace wait for each other here.
        await connection.execute(_NOTE, asked.workspace)
    return said.union(days_between(first.date(), last.date()))


async def _announce(connection: Connection, asked: Deletion, revision: int, first: datetime, last: datetime) -> None:
    changed = [(asked.workspace, asked.key.bytes, revision, first.date(), last.date())]
    rows = outbox_rows({asked.workspace: str(asked.workspace_id)}, changed)
    await copy_rows(connection, "outbox", OUTBOX_COLUMNS, rows)


# Partitions, and the chunks of TimescaleDB, are reached through their parents.
_SELECT_TABLES = """
select c.relname as name from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and not a.attisdropped
where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace and not c.relispartition
order by c.relname
"""
_IS_PARTITIONED = """
select exists (select from pg_class where oid = to_regclass($1) and relkind = 'p'),
  exists (select from pg_extension where extname = 'timescaledb')
"""
_SELECT_PARTITIONS = """
select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = to_regclass($1) order by c.relname
"""


async def tables_of_workspaces(connection: Connection) -> list[str]:
    """Return the names of all tables of a database whose rows belong to workspaces."""
    return [row["name"] for row in await connection.fetch(_SELECT_TABLES)]


async def delete_traces_of(workspace: int, connection: Connection, table: str) -> int:
    """Remove the rows of a workspace from a table of the traces database, and return how many there were.

    Args:
        workspace: Number of the workspace.
        connection: Connection to the traces database, outside a transaction.
        table: One of ``tables_of_workspaces``.
    """
    is_partitioned, is_timescale = await connection.fetchrow(_IS_PARTITIONED, table)
    if is_timescale:
        # Only through a hypertable does a deletion reach compressed rows, and there rows have no address of their own.
        status = await connection.execute(f'delete from "{table}" where workspace_id = $1', workspace)  # noqa: S608
        return int(status.rpartition(" ")[2])
    parts = [table]
    if is_partitioned:
        parts = [row["name"] for row in await connection.fetch(_SELECT_PARTITIONS, table)]
    removed = 0
    for part in parts:
        while True:
            status = await connection.execute(
                f'delete from "{part}" where workspace_id = $1 and ctid = any(array('  # noqa: S608
                f'select ctid from "{part}" where workspace_id = $1 limit $2))',
                workspace,
                _ROWS_AT_ONCE,
            )
            count = int(status.rpartition(" ")[2])
            removed += count
            if count < _ROWS_AT_ONCE:
                break
    return removed


# The log of what was done stays, and so does the number of the workspace, lest another one gets it.
_KEPT = ("audit_log", "workspaces", "jobs", "job_logs", "job_statistics")


async def delete_metadata_of(workspace_id: uuid.UUID, connection: Connection, own_job: uuid.UUID) -> int:
    """Remove the rows of a workspace from the metadata database, but for the job that does it; return how many."""
    removed = 0
    async with connection.transaction():
        for table in await tables_of_workspaces(connection):
            if table not in _KEPT:
                status = await connection.execute(f'delete from "{table}" where workspace_id = $1', workspace_id)  # noqa: S608
                removed += int(status.rpartition(" ")[2])
        await connection.execute("update users set last_workspace_id = null where last_workspace_id = $1", workspace_id)
        await connection.execute("delete from jobs where workspace_id = $1 and job_id <> $2", workspace_id, own_job)
        await connection.execute("delete from job_statistics where workspace_id = $1", workspace_id)
        await connection.execute(
            "update workspaces set name = '', description = '' where workspace_id = $1", workspace_id
        )
    return removed
