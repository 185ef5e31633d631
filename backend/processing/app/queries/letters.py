"""Dead letters as administrators see and replay them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from processing.app.models import MAX_REPLAYED, LetterFilter
from shared.auth.context import AuthContext
from shared.database import Pool
from shared.streams.contracts import PendingRequest

# More would make one entry of the queue, and the transaction that appends it, needlessly large.
_MAX_BYTES_AT_ONCE = 8 * 1024 * 1024
_LETTERS_AT_ONCE = 100

_SELECT_PAGE = """
select dead_letter_id, state, reason, error, attempts, format, receipt_id, key_id, item_index, trace_id, span_id,
       received_at, created_at, replayed_at, payload
from dead_letters
where workspace_id = $1 and ($2::text is null or state = $2) and ($3::text is null or reason = $3)
  and ($4::timestamptz is null or (created_at, dead_letter_id) < ($4, $5))
order by created_at desc, dead_letter_id desc
limit $6
"""


async def read_letters(
    pool: Pool,
    workspace: int,
    *,
    state: str | None,
    reason: str | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Any]:
    """Return dead letters, the newest first, from the one before ``before`` on."""
    time, identifier = before or (None, None)
    rows: list[Any] = await pool.fetch(_SELECT_PAGE, workspace, state, reason, time, identifier, limit)
    return rows


_SELECT_FILTERED = """
select dead_letter_id from dead_letters
where workspace_id = $1 and state = 'dead' and ($2::text is null or reason = $2)
  and ($3::uuid is null or receipt_id = $3) and ($4::timestamptz is null or created_at >= $4)
  and ($5::timestamptz is null or created_at < $5)
order by created_at, dead_letter_id
limit $6
"""
_COUNT_FILTERED = """
select count(*) from dead_letters
where workspace_id = $1 and state = 'dead' and ($2::text is null or reason = $2)
  and ($3::uuid is null or receipt_id = $3) and ($4::timestamptz is null or created_at >= $4)
  and ($5::timestamptz is null or created_at < $5)
"""


async def find_letters(pool: Pool, workspace: int, wanted: LetterFilter) -> tuple[list[UUID], int]:
    """Return the oldest dead letters that a filter names, and how many more there are."""
    arguments = (workspace, wanted.reason, wanted.receipt_id, wanted.created_from, wanted.created_to)
    rows = await pool.fetch(_SELECT_FILTERED, *arguments, MAX_REPLAYED)
    total: int = await pool.fetchval(_COUNT_FILTERED, *arguments)
    return [row["dead_letter_id"] for row in rows], max(0, total - len(rows))


_COUNT_KNOWN = "select count(*) from dead_letters where workspace_id = $1 and dead_letter_id = any($2::uuid[])"


async def are_known(pool: Pool, workspace: int, identifiers: Sequence[UUID]) -> bool:
    """Return whether all of these dead letters are the workspace's."""
    unique = set(identifiers)
    return bool(await pool.fetchval(_COUNT_KNOWN, workspace, list(unique)) == len(unique))


_SELECT_DEAD = """
select created_at, dead_letter_id from dead_letters
where workspace_id = $1 and state = 'dead' and ($2::uuid[] is null or dead_letter_id = any($2))
  and ($3::text is null or reason = $3) and ($4::timestamptz is null or created_at >= $4)
  and ($5::timestamptz is null or created_at < $5)
  and ($6::timestamptz is null or (created_at, dead_letter_id) > ($6, $7))
order by created_at, dead_letter_id
limit $8
"""
_COUNT_DEAD = """
select count(*), now() as now from dead_letters
where workspace_id = $1 and state = 'dead' and ($2::uuid[] is null or dead_letter_id = any($2))
  and ($3::text is null or reason = $3) and ($4::timestamptz is null or created_at >= $4)
  and ($5::timestamptz is null or created_at < $5)
"""


async def find_dead(
    pool: Pool,
    workspace: int,
    *,
    identifiers: Sequence[UUID] | None,
    reason: str | None,
    since: datetime | None,
    until: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[tuple[datetime, UUID]]:
    """Return dead letters in the order of their failure, each after its time, from the one after ``after`` on."""
    time, identifier = after or (None, None)
    names = None if identifiers is None else list(identifiers)
    rows = await pool.fetch(_SELECT_DEAD, workspace, names, reason, since, until, time, identifier, limit)
    return [(row["created_at"], row["dead_letter_id"]) for row in rows]


async def count_dead(
    pool: Pool,
    workspace: int,
    *,
    identifiers: Sequence[UUID] | None,
    reason: str | None,
    since: datetime | None,
    until: datetime | None,
) -> tuple[int, datetime]:
    """Return how many dead letters there are of the kind, and the time by the clock that dates them."""
    names = None if identifiers is None else list(identifiers)
    row: Any = await pool.fetchrow(_COUNT_DEAD, workspace, names, reason, since, until)
    return row["count"], row["now"]


_BEGIN = """
update dead_letters set state = 'replaying', replayed_at = now()
where workspace_id = $1 and dead_letter_id = any($2::uuid[]) and state = 'dead'
returning dead_letter_id, attempts, header::text as header, payload
"""
_SELECT_SIZES = """
select dead_letter_id, length(payload) as size from dead_letters
where workspace_id = $1 and dead_letter_id = any($2::uuid[]) and state = 'dead'
order by created_at, dead_letter_id
"""

Replays = list[tuple[PendingRequest, bytes]]


@dataclass(slots=True)
class _Portion:
    identifiers: list[UUID]
    size: int = 0


async def replay_letters(
    pool: Pool, workspace: int, identifiers: Sequence[UUID], append: Callable[[Replays], Awaitable[None]]
) -> list[UUID]:
    """Send dead letters through the queue again and return which; those under way or done are left alone.

    The entry is appended before the transaction commits. If the commit fails, the worker finds the letter still dead
    and drops the entry; the other order could leave a letter marked that nobody replays.

    Args:
        pool: The traces database.
        workspace: Number of the workspace.
        identifiers: The letters.
        append: Adds one entry to the queue.
    """
    portions = [_Portion([])]
    for row in await pool.fetch(_SELECT_SIZES, workspace, list(identifiers)):
        portion = portions[-1]
        if portion.identifiers and (
            len(portion.identifiers) >= _LETTERS_AT_ONCE or portion.size + row["size"] > _MAX_BYTES_AT_ONCE
        ):
            portion = _Portion([])
            portions.append(portion)
        portion.identifiers.append(row["dead_letter_id"])
        portion.size += row["size"]
    begun: list[UUID] = []
    for portion in portions:
        if not portion.identifiers:
            continue
        async with pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_BEGIN, workspace, portion.identifiers)
            if rows:
                await append([_replay(row) for row in rows])
        begun += [row["dead_letter_id"] for row in rows]
    return begun


def _replay(row: Any) -> tuple[PendingRequest, bytes]:
    header = orjson.loads(row["header"])
    header.update(attempts=row["attempts"], replay_of=str(row["dead_letter_id"]))
    return PendingRequest(**header), row["payload"]


_AUDIT = """
insert into audit_log (workspace_id, actor_type, actor_id, action, target_type, result, request_id, details)
values ($1, $2, $3, 'dead_letters.replay', 'dead_letter', 'success', $4, $5::jsonb)
"""


async def audit_replay(pool: Pool, caller: AuthContext, request_id: str, details: dict[str, object]) -> None:
    """Write down, in the metadata database, that someone replays dead letters."""
    await pool.execute(
        _AUDIT,
        UUID(caller.workspace_id),
        caller.principal,
        UUID(caller.subject_id),
        request_id,
        orjson.dumps(details, default=str).decode(),
    )
