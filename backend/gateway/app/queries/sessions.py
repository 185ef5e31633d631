"""Sessions, refresh tokens, and what an access token stands for."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.database import Connection, Pool

_FIND_ACCESS = """
select asked.position, u.platform_role, m.role, w.number, w.retention_days
from unnest($1::uuid[], $2::uuid[], $3::uuid[]) with ordinality as asked (session_id, user_id, workspace_id, position)
join sessions s on s.session_id = asked.session_id and s.user_id = asked.user_id
join users u on u.user_id = s.user_id
join workspaces w on w.workspace_id = asked.workspace_id
join workspace_members m on m.workspace_id = w.workspace_id and m.user_id = u.user_id
where s.revoked_at is null and s.expires_at > now() and u.is_active and w.deleted_at is null
"""

_INSERT = """
insert into sessions (session_id, user_id, workspace_id, expires_at, user_agent, device_hash)
values ($1, $2, $3, now() + make_interval(days => $4), $5, $6)
"""

_INSERT_REFRESH = """
insert into refresh_tokens (token_hash, session_id, expires_at)
select $1, session_id, least(expires_at, now() + make_interval(days => $3)) from sessions where session_id = $2
"""

_LOCK_REFRESH = """
select r.session_id, r.consumed_at, r.successor_sealed, s.user_id, s.workspace_id,
  now() - r.consumed_at as since_consumed,
  r.expires_at > now() and s.expires_at > now() and s.revoked_at is null and u.is_active as usable
from refresh_tokens r join sessions s using (session_id) join users u using (user_id)
where r.token_hash = $1 for update of r, s
"""

_CONSUME_REFRESH = "update refresh_tokens set consumed_at = now(), successor_sealed = $2 where token_hash = $1"

_REVOKE = """
update sessions set revoked_at = now(), revoked_reason = $2 where session_id = $1 and revoked_at is null
"""

_REVOKE_ALL = """
update sessions set revoked_at = now(), revoked_reason = $3
where user_id = $1 and revoked_at is null and session_id is distinct from $2 returning session_id
"""

_SET_WORKSPACE = "update sessions set workspace_id = $2 where session_id = $1"

_LOGGED_IN = "update users set last_login_at = now(), last_workspace_id = $2 where user_id = $1"

_REMEMBER_WORKSPACE = "update users set last_workspace_id = $2 where user_id = $1"

_DELETE_EXPIRED = (
    "delete from sessions where expires_at < now() - interval '30 days'",
    "delete from password_resets where expires_at < now() - interval '30 days'",
    "delete from invitations where expires_at < now() - interval '30 days' and accepted_at is null",
)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as stored, locked."""

    session_id: uuid.UUID
    user_id: uuid.UUID
    workspace_id: uuid.UUID | None
    usable: bool
    consumed_seconds_ago: float | None
    successor_sealed: bytes | None


async def find_access(
    pool: Pool, asked: Sequence[tuple[uuid.UUID, uuid.UUID, uuid.UUID]]
) -> list[dict[str, Any] | None]:
    """Return what each (session, user, workspace) may do, in order, None where it may do nothing."""
    columns = [list(column) for column in zip(*asked, strict=True)]
    found: list[dict[str, Any] | None] = [None] * len(asked)
    for row in await pool.fetch(_FIND_ACCESS, *columns):
        found[row["position"] - 1] = dict(row)
    return found


async def insert(
    connection: Connection,
    *,
    user_id: uuid.UUID,
    workspace_id: uuid.UUID,
    days: int,
    user_agent: str,
    device_hash: bytes,
) -> uuid.UUID:
    """Return the id of a new session and note the log-in."""
    session_id = uuid.uuid4()
    await connection.execute(_INSERT, session_id, user_id, workspace_id, days, user_agent, device_hash)
    await connection.execute(_LOGGED_IN, user_id, workspace_id)
    return session_id


async def insert_refresh(connection: Connection, session_id: uuid.UUID, token_hash: bytes, days: int) -> None:
    """Store the hash of a refresh token; it lives no longer than its session."""
    await connection.execute(_INSERT_REFRESH, token_hash, session_id, days)


async def lock_refresh(connection: Connection, token_hash: bytes) -> RefreshToken | None:
    """Return a refresh token and keep others from using it until the transaction ends."""
    row = await connection.fetchrow(_LOCK_REFRESH, token_hash)
    if row is None:
        return None
    since = row["since_consumed"]
    return RefreshToken(
        session_id=row["session_id"],
        user_id=row["user_id"],
        workspace_id=row["workspace_id"],
        usable=row["usable"],
        consumed_seconds_ago=since.total_seconds() if since is not None else None,
        successor_sealed=row["successor_sealed"],
    )


async def consume_refresh(connection: Connection, token_hash: bytes, successor_sealed: bytes) -> None:
    """Mark a refresh token as used and keep its successor, sealed."""
    await connection.execute(_CONSUME_REFRESH, token_hash, successor_sealed)


async def revoke(connection: Connection, session_id: uuid.UUID, reason: str) -> None:
    """End a session."""
    await connection.execute(_REVOKE, session_id, reason)


async def revoke_all(connection: Connection, user_id: uuid.UUID, reason: str, *, keep: uuid.UUID | None = None) -> int:
    """End all sessions of a user but one and return how many were ended."""
    return len(await connection.fetch(_REVOKE_ALL, user_id, keep, reason))


async def set_workspace(
    connection: Connection, session_id: uuid.UUID, user_id: uuid.UUID, workspace: uuid.UUID
) -> None:
    """Make a workspace the one that a session refreshes into and that the next log-in takes."""
    await connection.execute(_SET_WORKSPACE, session_id, workspace)
    await connection.execute(_REMEMBER_WORKSPACE, user_id, workspace)


async def delete_expired(pool: Pool) -> None:
    """Delete sessions, reset links and invitations that ended a month ago."""
    for statement in _DELETE_EXPIRED:
        await pool.execute(statement)
