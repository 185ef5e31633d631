"""Members of a workspace and invitations to it."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from shared.database import Connection, Pool

# Changes of roles take turns, or two owners could each demote the other.
_LOCK = "select 1 from workspaces where workspace_id = $1 for no key update"

_LIST = """
select u.user_id, u.email, u.full_name, m.role, m.created_at as joined_at, u.last_login_at
from workspace_members m join users u using (user_id)
where m.workspace_id = $1 order by m.created_at, u.user_id
"""

_FIND_ROLE = "select role from workspace_members where workspace_id = $1 and user_id = $2"
_COUNT_OWNERS = "select count(*) from workspace_members where workspace_id = $1 and role = 'owner'"
_SET_ROLE = "update workspace_members set role = $3 where workspace_id = $1 and user_id = $2"
_REMOVE = "delete from workspace_members where workspace_id = $1 and user_id = $2"

_IS_MEMBER = """
select exists (select 1 from workspace_members m join users u using (user_id)
  where m.workspace_id = $1 and lower(u.email) = lower($2))
"""

_WITHDRAW = "delete from invitations where workspace_id = $1 and lower(email) = lower($2) and accepted_at is null"

# An API key invites in the name of the user who made it.
_INVITE = """
insert into invitations (invitation_id, workspace_id, email, role, token_hash, invited_by, expires_at)
values ($1, $2, $3, $4, $5, coalesce($6, (select created_by from api_keys where key_id = $7)),
  now() + interval '7 days')
returning invitation_id, expires_at
"""

_FIND_INVITATION = """
select i.invitation_id, i.workspace_id, i.email, i.role, w.name as workspace_name
from invitations i join workspaces w using (workspace_id)
where i.token_hash = $1 and i.accepted_at is null and i.expires_at > now() and w.deleted_at is null
"""

_ACCEPT = "update invitations set accepted_at = now() where invitation_id = $1 and accepted_at is null returning true"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a workspace."""

    user_id: uuid.UUID
    email: str
    full_name: str
    role: str
    joined_at: datetime
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that can be accepted."""

    invitation_id: uuid.UUID
    workspace_id: uuid.UUID
    email: str
    role: str
    workspace_name: str


async def list_members(pool: Pool, workspace_id: uuid.UUID) -> list[Member]:
    """Return the members of a workspace in the order in which they joined."""
    return [Member(**row) for row in await pool.fetch(_LIST, workspace_id)]


async def lock_role(connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID) -> str | None:
    """Return the role of a member, None for others, and keep all roles of the workspace as they are meanwhile."""
    await connection.execute(_LOCK, workspace_id)
    role: str | None = await connection.fetchval(_FIND_ROLE, workspace_id, user_id)
    return role


async def count_owners(connection: Connection, workspace_id: uuid.UUID) -> int:
    """Return how many owners a workspace has."""
    return int(await connection.fetchval(_COUNT_OWNERS, workspace_id))


async def set_role(connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID, role: str) -> None:
    """Give a member another role."""
    await connection.execute(_SET_ROLE, workspace_id, user_id, role)


async def remove(connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Take a member out of a workspace."""
    await connection.execute(_REMOVE, workspace_id, user_id)


async def is_member(connection: Connection, workspace_id: uuid.UUID, email: str) -> bool:
    """Return whether a mail address belongs to a member."""
    return bool(await connection.fetchval(_IS_MEMBER, workspace_id, email))


async def invite(
    connection: Connection,
    *,
    workspace_id: uuid.UUID,
    email: str,
    role: str,
    token_hash: bytes,
    user_id: uuid.UUID | None,
    key_id: uuid.UUID | None,
) -> tuple[uuid.UUID, datetime]:
    """Store an invitation, in place of an earlier one to the same address; return its id and when it expires."""
    await connection.execute(_WITHDRAW, workspace_id, email)
    row = await connection.fetchrow(_INVITE, uuid.uuid4(), workspace_id, email, role, token_hash, user_id, key_id)
    return row["invitation_id"], row["expires_at"]


async def find_invitation(connection: Connection, token_hash: bytes) -> Invitation | None:
    """Return a valid invitation."""
    row = await connection.fetchrow(_FIND_INVITATION, token_hash)
    return Invitation(**row) if row else None


async def accept(connection: Connection, invitation_id: uuid.UUID) -> bool:
    """Use an invitation up and return whether it was still open."""
    return await connection.fetchval(_ACCEPT, invitation_id) is not None
