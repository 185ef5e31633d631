"""The transaction that stores a batch."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from db.maintenance import ensure_partitions
from processing.app.batch import (
    DAY_US,
    Batch,
    Counts,
    Group,
    Known,
    Rendered,
    Statistics,
    TraceKey,
    count,
    outbox_rows,
    receipt_row,
    render,
)
from processing.app.items import DecodedRequest, ReportRecord
from processing.app.queries import traces
from processing.app.queries.dead_letters import insert_dead_letters, settle_replay
from processing.app.queries.records import Judgement, announce_records, insert_records, insert_scores
from processing.app.rows import (
    LOG_COLUMNS,
    OUTBOX_COLUMNS,
    PAYLOAD_COLUMNS,
    RECEIPT_COLUMNS,
    SPAN_COLUMNS,
    STATS_COLUMNS,
    TRACE_COLUMNS,
    copy_document,
    encode_trace,
)
from shared.database import Connection, Pool
from shared.normalisation.trace import fold_trace
from shared.rollups.queries import TraceWindow, contribute
from shared.streams.contracts import PendingRequest

_CHUNK = 1 << 20
# The shortest retention and its grace.
_YOUNGEST_EXPIRED_US = 2 * DAY_US


class ConflictError(Exception):
    """Something that the batch relied on changed meanwhile; stored anew from the start, it will succeed."""


class TooSlowError(TimeoutError):
    """The database did not get through with the batch in time; a smaller one may fare better."""


class UnusableDatabaseError(ConnectionError):
    """The database lacks a table, column or permission: a fault of the installation and of no item."""


@dataclass(slots=True)
class Stored:
    """What a transaction did; ``spans`` counts new spans, ``changed`` the traces whose rows are new."""

    counts: list[Counts]
    spans: int
    changed: int


class TraceStore:
    """Stores batches in the traces database."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._days: set[date] = set()

    async def prepare_days(self, days: Iterable[date]) -> None:
        """Make sure that rows of these days can be stored; a day is looked up once a process."""
        missing = set(days) - self._days
        if missing:
            async with self._pool.acquire() as connection:
                await ensure_partitions(connection, missing)
            self._days |= missing

    async def store(self, batch: Batch, stored_ns: int) -> Stored:
        """Store a batch in one transaction.

        Args:
            batch: Grouped requests; it may be stored again after an error.
            stored_ns: The present, nanoseconds since the Unix epoch.

        Raises:
            ConflictError: The same must be tried again from the start.
            TooSlowError: The statement timeout passed.
            Exception: The database cannot be reached, or refuses the data.
        """
        async with self._transaction() as connection:
            return await _store(connection, batch, stored_ns)

    async def try_out(self, batch: Batch) -> None:
        """Do everything that ``store`` does and undo it.

        Raises:
            Exception: As ``store``.
        """
        async with self._transaction() as connection:
            inner = connection.transaction()
            await inner.start()
            await _store(connection, batch, 0)
            await inner.rollback()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                yield connection
        except asyncpg.UniqueViolationError as error:
            raise ConflictError from error
        except (TimeoutError, asyncpg.QueryCanceledError) as error:
            raise TooSlowError from error
        except asyncpg.SyntaxOrAccessError as error:
            raise UnusableDatabaseError(str(error)) from error
        except asyncpg.CheckViolationError as error:
            # A partition that was there when its day was looked up has been dropped since.
            if "no partition" not in str(error) or not self._days:
                raise
            self._days.clear()
            raise ConflictError from error

    async def find_stored(self, requests: Sequence[PendingRequest]) -> set[str]:
        """Return the receipts of requests that were stored before, replays of dead letters included."""
        found: set[str] = set()
        receipts = [request for request in requests if request.replay_of is None]
        replays = [UUID(request.replay_of) for request in requests if request.replay_of is not None]
        if receipts:
            times = [_moment(request.received_at // 1000) for request in receipts]
            rows = await self._pool.fetch(
                _SELECT_RECEIPTS, [UUID(request.receipt_id) for request in receipts], min(times), max(times)
            )
            found |= {str(row["receipt_id"]) for row in rows}
        if replays:
            rows = await self._pool.fetch(_SELECT_REPLAYING, replays)
            waiting = {str(row["dead_letter_id"]) for row in rows if row["state"] == "replaying"}
            found |= {request.replay_of for request in requests if request.replay_of} - waiting
        return found

    async def find_repeated(self, requests: Sequence[PendingRequest]) -> set[tuple[int, str, str]]:
        """Return workspace number, digest and format of those bodies that were stored as a whole in the last day.

        Bodies that are older than the workspace's last deletion of a trace are left out: some of it may be gone.
        """
        asked = [request for request in requests if request.digest is not None and request.replay_of is None]
        if not asked:
            return set()
        since = _moment(min(request.received_at for request in asked) // 1000) - timedelta(hours=24)
        rows = await self._pool.fetch(
            _SELECT_DIGESTS,
            [request.workspace_id for request in asked],
            [bytes.fromhex(request.digest or "") for request in asked],
            since,
        )
        return {(row["workspace_id"], row["digest"].hex(), row["format"]) for row in rows}


# Bounds on the partition column leave all but a day or two out of the plan.
_SELECT_RECEIPTS = """
select receipt_id from ingest_receipts
where receipt_id = any($1::uuid[]) and received_at between $2 and $3
"""
# Locks, so as to wait for a replay that has appended its entry and is about to commit.
_SELECT_REPLAYING = """
select workspace_id, dead_letter_id, state from dead_letters where dead_letter_id = any($1::uuid[]) for share
"""
# The hour is for clocks that differ from the database's.
_SELECT_DIGESTS = """
select r.workspace_id, r.digest, r.format
from ingest_receipts r
join unnest($1::int4[], $2::bytea[]) as asked (workspace_id, digest)
  on r.workspace_id = asked.workspace_id and r.digest = asked.digest
where r.digest is not null and r.received_at >= $3
  and not exists (
    select from trace_deletions d
    where d.workspace_id = r.workspace_id and d.deleted_at > r.received_at - interval '1 hour'
  )
"""


class _Written(NamedTuple):
    """A trace as this transaction leaves it."""

    key: TraceKey
    rows: Rendered
    revision: int
    window: TraceWindow


async def _store(connection: Connection, batch: Batch, stored_ns: int) -> Stored:
    stored = [0] * len(batch.requests)
    duplicate = list(batch.duplicates)
    rendered: list[_Written] = []
    keys = batch.sorted_keys()
    fresh = await traces.insert_heads(connection, [batch.groups[key] for key in keys]) if keys else set()
    known = [key for key in keys if key not in fresh]
    for key in keys:
        if key in fresh:
            group = batch.groups[key]
            for position, _ in group.spans.values():
                stored[position] += 1
            for position, _ in group.logs.values():
                stored[position] += 1
            rendered.append(_Written(key, group.fresh or render(group), 1, traces.window(group)))
    if known:
        rendered += await _merge(connection, [batch.groups[key] for key in known], stored, duplicate)
    await _copy_traces(connection, rendered)
    await contribute(connection, [written.window for written in rendered if written.rows.trace is not None], 1)
    await _announce(connection, batch, rendered)
    spans = sum(stored)
    await _store_judgements(connection, batch, stored, duplicate)
    counts = await _account(connection, batch.requests, stored, duplicate, stored_ns)
    return Stored(counts, spans, len(rendered))


async def _merge(
    connection: Connection, groups: Sequence[Group], stored: list[int], duplicate: list[int]
) -> list[_Written]:
    """Add groups to traces that exist: leave out what is stored, replace versions that lose, fold the rows anew."""
    heads = await traces.lock_heads(connection, groups)
    if len(heads) != len(groups):
        # Retention took a head between the insertion that met it and the lock.
        raise ConflictError
    versions = await traces.read_versions(connection, heads)
    changes: list[traces.Change] = []
    for group in groups:
        key = (group.workspace, group.trace_id)
        change = traces.compare(group, heads[key], versions[key], stored, duplicate)
        if change is not None:
            changes.append(change)
    if not changes:
        return []
    await restore_expired(connection, [change.head for change in changes])
    await contribute(connection, [traces.window(change.head) for change in changes], -1)
    await traces.remove_replaced(connection, changes)
    contents = await traces.read_contents(connection, changes)
    await traces.update_heads(connection, changes)
    rendered = []
    for change in changes:
        key = (change.group.workspace, change.group.trace_id)
        content = contents[key]
        rows = render(change.group, Known(content.spans, content.logs))
        if rows.trace is not None:
            if rows.trace.external_trace_id is None:
                rows.trace.external_trace_id = content.external_id
            await traces.update_counted(connection, change.group.workspace, content.spans, rows.trace.counted)
        rendered.append(_Written(key, rows, change.revision, traces.window(change.group)))
    return rendered


_SELECT_TRACES = """
select t.workspace_id, t.trace_id
from unnest($1::int4[], $2::uuid[]) as asked (workspace_id, trace_id)
join traces t on t.workspace_id = asked.workspace_id and t.trace_id = asked.trace_id
where t.start_time between $3 and $4
"""


async def restore_expired(connection: Connection, heads: Sequence[traces.Head]) -> None:
    """Give traces a row again whose own expired with the first of their days while later spans are kept.

    Rollups go on counting what expired, and what is left of such a trace is part of that. With a row it can be taken
    out of them like any other before it is counted anew; without, it would count twice.

    Args:
        connection: Connection in the transaction that is about to change the traces.
        heads: Their heads, locked.
    """
    # Nothing expires before it is two days old, so hardly a trace is ever looked at.
    recent = time.time_ns() // 1000 - _YOUNGEST_EXPIRED_US
    cut = [head for head in heads if head.first_us < recent and head.first_us // DAY_US != head.last_us // DAY_US]
    missing = {(head.workspace, head.trace_id): head for head in cut}
    for arguments in traces.by_days(cut):
        for row in await connection.fetch(_SELECT_TRACES, *arguments):
            missing.pop((row["workspace_id"], row["trace_id"].bytes), None)
    changes = [
        traces.Change(Group(head.workspace, head.trace_id, head.first_us, head.last_us), head, [])
        for head in missing.values()
    ]
    contents = await traces.read_contents(connection, changes)
    rows = [
        encode_trace(workspace, fold_trace(content.spans, content.logs), missing[workspace, trace_id].revision)
        for (workspace, trace_id), content in contents.items()
        if content.spans
    ]
    await copy_rows(connection, "traces", TRACE_COLUMNS, rows)


async def _copy_traces(connection: Connection, rendered: Sequence[_Written]) -> None:
    await copy_rows(connection, "spans", SPAN_COLUMNS, [row for written in rendered for row in written.rows.spans])
    await copy_rows(
        connection, "span_payloads", PAYLOAD_COLUMNS, [row for written in rendered for row in written.rows.payloads]
    )
    await copy_rows(connection, "span_logs", LOG_COLUMNS, [row for written in rendered for row in written.rows.logs])
    await copy_rows(
        connection,
        "traces",
        TRACE_COLUMNS,
        [encode_trace(key[0], rows.trace, revision) for key, rows, revision, _ in rendered if rows.trace is not None],
    )


async def _announce(connection: Connection, batch: Batch, rendered: Sequence[_Written]) -> None:
    changed = [
        (*key, revision, window[2].date(), window[3].date())
        for key, rows, revision, window in rendered
        if rows.trace is not None
    ]
    await copy_rows(connection, "outbox", OUTBOX_COLUMNS, outbox_rows(_public_ids(batch), changed))


async def _store_judgements(connection: Connection, batch: Batch, stored: list[int], duplicate: list[int]) -> None:
    """Store what was said of traces, and what clients report, and announce what of it is new."""
    said: list[Judgement] = []
    taken = await insert_records(connection, batch.records)
    for (position, is_new), (_, item) in zip(taken, batch.records, strict=True):
        if not is_new:
            duplicate[position] += 1
            continue
        stored[position] += 1
        if not isinstance(item.record, ReportRecord):
            said.append(item.record)
    attached = await insert_scores(connection, batch.scores)
    said += [score for score in batch.scores if (score.workspace_id, score.score_id) in attached]
    await announce_records(connection, _public_ids(batch), said)


def _public_ids(batch: Batch) -> dict[int, str]:
    return {request.pending.workspace_id: request.pending.workspace for request in batch.requests}


async def _account(
    connection: Connection, requests: Sequence[DecodedRequest], stored: list[int], duplicate: list[int], stored_ns: int
) -> list[Counts]:
    """Write receipts, statistics and dead letters."""
    statistics = Statistics()
    receipts: list[bytes] = []
    all_counts: list[Counts] = []
    for position, request in enumerate(requests):
        pending = request.pending
        if request.is_repeated:
            duplicate[position] = pending.received
        counts = count(request, stored[position], duplicate[position])
        all_counts.append(counts)
        if pending.replay_of is not None:
            delta = await settle_replay(connection, request, counts)
            if delta is None:
                raise ConflictError
            statistics.add(request, delta, None)
            continue
        receipts.append(receipt_row(request, counts, stored_ns))
        statistics.add(request, counts, stored_ns - pending.received_at)
        if request.poison:
            await insert_dead_letters(connection, pending, request.poison)
    await copy_rows(connection, "ingest_receipts", RECEIPT_COLUMNS, receipts)
    await copy_rows(connection, "ingest_stats", STATS_COLUMNS, statistics.rows())
    return all_counts


async def copy_rows(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[bytes]) -> None:
    """Copy rows into a table; nothing is sent when there are none."""
    if rows:
        await connection.copy_to_table(
            table, source=_pieces(copy_document(rows)), columns=columns, format="binary", timeout=None
        )


async def _pieces(document: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(document), _CHUNK):
        yield document[start : start + _CHUNK]


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
