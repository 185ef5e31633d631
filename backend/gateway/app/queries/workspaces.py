"""Workspaces and who belongs to them."""

import re
import secrets
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from shared.database import Connection, Pool

_COLUMNS = """w.workspace_id, w.name, w.slug, w.description, w.timezone, w.retention_days, w.rollup_retention_days,
  w.created_at, m.role"""

_INSERT = """
insert into workspaces (workspace_id, name, slug, description, timezone, retention_days)
values ($1, $2, $3, $4, $5, $6) on conflict (slug) do nothing returning workspace_id
"""

_INSERT_MEMBER = """
insert into workspace_members (workspace_id, user_id, role) values ($1, $2, $3) on conflict do nothing
returning user_id
"""

_FIND = f"""
select {_COLUMNS} from workspaces w
left join workspace_members m on m.workspace_id = w.workspace_id and m.user_id = $2
where w.workspace_id = $1 and w.deleted_at is null
"""  # noqa: S608

_FIND_PREFERRED = f"""
select {_COLUMNS} from workspaces w join workspace_members m using (workspace_id) join users u using (user_id)
where u.user_id = $1 and w.deleted_at is null
order by w.workspace_id is not distinct from $2 desc, w.workspace_id is not distinct from u.last_workspace_id desc,
  m.created_at
limit 1
"""  # noqa: S608

_LIST = f"""
select {_COLUMNS} from workspaces w join workspace_members m using (workspace_id)
where m.user_id = $1 and w.deleted_at is null order by w.created_at, w.workspace_id
"""  # noqa: S608

_UPDATE = """
update workspaces set name = coalesce($2, name), slug = coalesce($3, slug), description = coalesce($4, description),
  timezone = coalesce($5, timezone), retention_days = coalesce($6, retention_days),
  rollup_retention_days = coalesce($7, rollup_retention_days)
where workspace_id = $1 and deleted_at is null
"""

# The slug becomes free for another workspace.
_DELETE = """
update workspaces set deleted_at = now(), slug = left(slug, 20) || '-deleted-' || workspace_id
where workspace_id = $1 and deleted_at is null returning workspace_id
"""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace as one user sees it; ``role`` is None for an API key."""

    workspace_id: uuid.UUID
    name: str
    slug: str
    description: str
    timezone: str
    retention_days: int
    rollup_retention_days: int
    created_at: datetime
    role: str | None


@dataclass(frozen=True, slots=True)
class WorkspaceChange:
    """New values of a workspace; None keeps the old one."""

    name: str | None = None
    slug: str | None = None
    description: str | None = None
    timezone: str | None = None
    retention_days: int | None = None
    rollup_retention_days: int | None = None


async def create(
    connection: Connection,
    owner_id: uuid.UUID,
    name: str,
    *,
    retention_days: int,
    slug: str | None = None,
    description: str = "",
    timezone: str = "UTC",
) -> Workspace | None:
    """Return a new workspace of which a user is the owner, None when the slug that was asked for is taken."""
    workspace_id = uuid.uuid4()
    wanted = slug or slug_of(name)
    while not await connection.fetchval(_INSERT, workspace_id, name, wanted, description, timezone, retention_days):
        if slug is not None:
            return None
        wanted = f"{slug_of(name)}-{secrets.token_hex(3)}"
    await add_member(connection, workspace_id, owner_id, "owner")
    return await find(connection, workspace_id, owner_id)


async def add_member(connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID, role: str) -> bool:
    """Return whether the user was added; False when they belong to the workspace already."""
    return await connection.fetchval(_INSERT_MEMBER, workspace_id, user_id, role) is not None


async def find(connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID | None) -> Workspace | None:
    """Return a workspace with the role of a user in it."""
    row = await connection.fetchrow(_FIND, workspace_id, user_id)
    return Workspace(**row) if row else None


async def find_preferred(
    connection: Connection, user_id: uuid.UUID, wanted: uuid.UUID | None = None
) -> Workspace | None:
    """Return the wanted workspace of a user, else the last used, else the first; None when there is none."""
    row = await connection.fetchrow(_FIND_PREFERRED, user_id, wanted)
    return Workspace(**row) if row else None


async def list_of_user(pool: Pool, user_id: uuid.UUID) -> list[Workspace]:
    """Return the workspaces of a user."""
    return [Workspace(**row) for row in await pool.fetch(_LIST, user_id)]


async def update(connection: Connection, workspace_id: uuid.UUID, change: WorkspaceChange) -> bool:
    """Change a workspace and return whether that was possible; False when the slug is taken."""
    try:
        async with connection.transaction():
            await connection.execute(
                _UPDATE,
                workspace_id,
                change.name,
                change.slug,
                change.description,
                change.timezone,
                change.retention_days,
                change.rollup_retention_days,
            )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def delete(connection: Connection, workspace_id: uuid.UUID) -> bool:
    """Mark a workspace as deleted and return whether it was not before."""
    return await connection.fetchval(_DELETE, workspace_id) is not None


def slug_of(name: str) -> str:
    """Return a name as a slug: lower-case letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "workspace"
