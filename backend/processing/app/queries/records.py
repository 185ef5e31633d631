"""Scores, feedback, outcomes and client reports."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from processing.app.items import FeedbackRecord, OutcomeRecord, Record, RecordItem, ReportRecord, ScoreRecord
from processing.app.rows import encode_json
from shared.database import Connection

Judgement = ScoreRecord | FeedbackRecord | OutcomeRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The ids are made from the request, so what is met again is the same row.
_INSERT_SCORES = """
insert into scores (workspace_id, score_id, trace_id, span_id, name, value_number, value_boolean, value_label, source,
                    comment, author_id, created_at)
select * from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::int8[], $5::text[], $6::float8[], $7::bool[], $8::text[],
                     $9::text[], $10::text[], $11::uuid[], $12::timestamptz[])
on conflict (workspace_id, score_id) do nothing
returning workspace_id, score_id as id
"""
_INSERT_FEEDBACK = """
insert into feedback (workspace_id, feedback_id, trace_id, rating, comment, user_id, created_at)
select * from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::int2[], $5::text[], $6::text[], $7::timestamptz[])
on conflict (workspace_id, feedback_id) do nothing
returning workspace_id, feedback_id as id
"""
_INSERT_OUTCOMES = """
insert into outcomes (workspace_id, outcome_id, trace_id, session_id, name, success, value_nano, created_at)
select * from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::bool[], $7::int8[],
                     $8::timestamptz[])
on conflict (workspace_id, outcome_id) do nothing
returning workspace_id, outcome_id as id
"""
_INSERT_REPORTS = """
insert into client_reports (workspace_id, key_id, receipt_id, reported_at, created, delivered, sampled, dropped)
select * from unnest($1::int4[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::int8[], $6::int8[], $7::int8[],
                     $8::jsonb[])
on conflict (workspace_id, receipt_id) do nothing
returning workspace_id, receipt_id as id
"""


async def insert_scores(connection: Connection, scores: Sequence[ScoreRecord]) -> set[tuple[int, bytes]]:
    """Insert scores and return workspace and id of those that are new."""
    return await _insert(
        connection,
        _INSERT_SCORES,
        [
            (
                score.workspace_id,
                UUID(bytes=score.score_id),
                UUID(bytes=score.trace_id),
                score.span_id,
                score.name,
                score.value_number,
                score.value_boolean,
                score.value_label,
                score.source,
                score.comment,
                None if score.author_id is None else UUID(score.author_id),
                _moment(score.created_us),
            )
            for score in scores
        ],
    )


_ANNOUNCE = """
insert into outbox (workspace_id, workspace, trace_ids, revisions, judged, days)
values ($1, $2, '{}', '{}', $3::uuid[], $4::date[])
"""


async def announce_judged(
    connection: Connection, workspace: int, workspace_id: UUID, judged: Collection[UUID], days: Collection[date]
) -> None:
    """Announce that something was said of traces, or no longer is.

    Args:
        connection: Connection inside the transaction that stores or removes it.
        workspace: Number of the workspace.
        workspace_id: Its public id.
        judged: The traces. On which days they lie is looked up once this is committed; others may move them meanwhile.
        days: Days on which it was said.
    """
    await connection.execute(_ANNOUNCE, workspace, workspace_id, list(judged), list(days))


async def announce_records(
    connection: Connection,
    workspaces: Mapping[int, str],
    records: Iterable[ScoreRecord | FeedbackRecord | OutcomeRecord],
) -> None:
    """Announce new scores, feedback and outcomes; ``workspaces`` holds public ids by number."""
    found: dict[int, tuple[set[UUID], set[date]]] = {}
    for record in records:
        judged, days = found.setdefault(record.workspace_id, (set(), set()))
        days.add(_moment(record.created_us).date())
        if record.trace_id is not None:
            judged.add(UUID(bytes=record.trace_id))
    for workspace, (judged, days) in found.items():
        await announce_judged(connection, workspace, UUID(workspaces[workspace]), judged, days)


async def insert_records(connection: Connection, items: Sequence[tuple[int, RecordItem]]) -> list[tuple[int, bool]]:
    """Insert records, each given with the position of its request, and return for each whether it is new."""
    if not items:
        return []
    by_kind: dict[type, list[Any]] = {}
    for _, item in items:
        by_kind.setdefault(type(item.record), []).append(item.record)
    inserted = await insert_scores(connection, by_kind.get(ScoreRecord, ()))
    inserted |= await _insert(
        connection,
        _INSERT_FEEDBACK,
        [
            (
                record.workspace_id,
                UUID(bytes=record.feedback_id),
                UUID(bytes=record.trace_id),
                record.rating,
                record.comment,
                record.user_id,
                _moment(record.created_us),
            )
            for record in by_kind.get(FeedbackRecord, ())
        ],
    )
    inserted |= await _insert(
        connection,
        _INSERT_OUTCOMES,
        [
            (
                record.workspace_id,
                UUID(bytes=record.outcome_id),
                None if record.trace_id is None else UUID(bytes=record.trace_id),
                record.session_id,
                record.name,
                record.success,
                record.value_nano,
                _moment(record.created_us),
            )
            for record in by_kind.get(OutcomeRecord, ())
        ],
    )
    inserted |= await _insert(
        connection,
        _INSERT_REPORTS,
        [
            (
                record.workspace_id,
                None if record.key_id is None else UUID(bytes=record.key_id),
                UUID(bytes=record.receipt_id),
                _moment(record.reported_us),
                record.created,
                record.delivered,
                record.sampled,
                encode_json(record.dropped).decode(),
            )
            for record in by_kind.get(ReportRecord, ())
        ],
    )
    # An item that stands twice in a batch is new once.
    return [(position, _take(inserted, item.record)) for position, item in items]


def _take(inserted: set[tuple[int, bytes]], record: Record) -> bool:
    match record:
        case ScoreRecord():
            identifier = record.score_id
        case FeedbackRecord():
            identifier = record.feedback_id
        case OutcomeRecord():
            identifier = record.outcome_id
        case ReportRecord():
            identifier = record.receipt_id
    key = (record.workspace_id, identifier)
    if key in inserted:
        inserted.remove(key)
        return True
    return False


async def _insert(connection: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> set[tuple[int, bytes]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:
        return set()
    return {(row["workspace_id"], row["id"].bytes) for row in await connection.fetch(statement, *columns)}


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
