"""Dead letters: written when an item cannot be stored, listed, and taken up again by a replay."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from processing.app.batch import Counts
from processing.app.items import DecodedRequest, Poison
from processing.app.rows import encode_json
from shared.database import Connection
from shared.ids import new_uuid7
from shared.streams.contracts import PendingRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_INSERT = """
insert into dead_letters (dead_letter_id, workspace_id, receipt_id, key_id, received_at, format, reason, error,
                          attempts, item_index, trace_id, span_id, header, payload)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14)
"""


async def insert_dead_letters(connection: Connection, pending: PendingRequest, poison: Sequence[Poison]) -> None:
    """Keep what cannot be stored, each with a header under which its body can be sent through the queue again."""
    await connection.executemany(
        _INSERT,
        [
            (
                new_uuid7(),
                pending.workspace_id,
                UUID(pending.receipt_id),
                None if pending.key_id is None else UUID(pending.key_id),
                _EPOCH + timedelta(microseconds=pending.received_at // 1000),
                letter.format,
                letter.reason,
                letter.error,
                pending.attempts + 1,
                letter.index,
                UUID(bytes=letter.trace_id) if letter.trace_id is not None and len(letter.trace_id) == 16 else None,
                letter.span_id,
                encode_json(asdict(_header(pending, letter))).decode(),
                letter.body,
            )
            for letter in poison
        ],
    )


def _header(pending: PendingRequest, letter: Poison) -> PendingRequest:
    """Return the header of a request that holds a dead letter and nothing else."""
    return replace(
        pending,
        format=letter.format,
        size=len(letter.body),
        received=letter.items,
        rejected={},
        digest=None,
        attempts=pending.attempts + 1,
        first_index=pending.first_index + (letter.index or 0),
        replay_of=None,
    )


_LOCK_REPLAYED = """
select reason from dead_letters
where workspace_id = $1 and dead_letter_id = $2 and state = 'replaying'
for update
"""
_RETURN = """
update dead_letters set state = 'dead', attempts = $3, reason = $4, error = $5, replayed_at = null
where workspace_id = $1 and dead_letter_id = $2
"""
_FINISH = """
update dead_letters set state = 'replayed', replayed_at = now() where workspace_id = $1 and dead_letter_id = $2
"""
_SELECT_REASONS = """
select reasons::text as reasons from ingest_receipts
where workspace_id = $1 and receipt_id = $2 and received_at = $3
for update
"""
_ADJUST_RECEIPT = """
update ingest_receipts
set stored = stored + $4, duplicate = duplicate + $5, rejected = rejected + $6, dead_lettered = dead_lettered + $7,
    reasons = nullif($8::jsonb, '{}'::jsonb)
where workspace_id = $1 and receipt_id = $2 and received_at = $3
"""


async def settle_replay(connection: Connection, request: DecodedRequest, counts: Counts) -> Counts | None:
    """Record what became of a replayed dead letter, in its row and in the receipt of the request it came from.

    Args:
        connection: Connection inside the storing transaction.
        request: The replayed request.
        counts: Its account, as if it were a request of its own.

    Returns:
        What changes in the sums of the workspace; None when the letter does not wait for this replay any more.
    """
    pending = request.pending
    letter_id = UUID(pending.replay_of)
    old_reason = await connection.fetchval(_LOCK_REPLAYED, pending.workspace_id, letter_id)
    if old_reason is None:
        return None
    if len(request.poison) == 1 and counts.dead_lettered == counts.received:
        letter = request.poison[0]
        await connection.execute(
            _RETURN, pending.workspace_id, letter_id, pending.attempts + 1, letter.reason, letter.error
        )
    else:
        await connection.execute(_FINISH, pending.workspace_id, letter_id)
        if request.poison:
            await insert_dead_letters(connection, pending, request.poison)
    changed = {reason: number for reason, number in counts.reasons.items() if number}
    changed[old_reason] = changed.get(old_reason, 0) - counts.received
    delta = Counts(
        0,
        counts.stored,
        counts.duplicate,
        counts.rejected,
        counts.dead_lettered - counts.received,
        {reason: number for reason, number in changed.items() if number},
    )
    await _adjust_receipt(connection, pending, delta)
    return delta


async def _adjust_receipt(connection: Connection, pending: PendingRequest, delta: Counts) -> None:
    received_at = _EPOCH + timedelta(microseconds=pending.received_at // 1000)
    key = (pending.workspace_id, UUID(pending.receipt_id), received_at)
    row: Any = await connection.fetchrow(_SELECT_REASONS, *key)
    if row is None:
        # Receipts are kept for a week, dead letters for longer.
        return
    reasons: dict[str, int] = orjson.loads(row["reasons"]) if row["reasons"] else {}
    for reason, number in delta.reasons.items():
        reasons[reason] = reasons.get(reason, 0) + number
    await connection.execute(
        _ADJUST_RECEIPT,
        *key,
        delta.stored,
        delta.duplicate,
        delta.rejected,
        delta.dead_lettered,
        encode_json({reason: number for reason, number in reasons.items() if number > 0}).decode(),
    )
