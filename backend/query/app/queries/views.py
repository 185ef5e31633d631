"""Saved views, in the metadata database."""

import uuid
from dataclasses import dataclass
from typing import Any

from query.app.presentation import Row
from shared.database import Connection, Pool
from shared.errors import ConflictError, ForbiddenError, NotFoundError

_COLUMNS = "view_id, owner_id, name, scope, page, definition, created_at, updated_at"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks for views; others' private ones do not exist for anybody, administrators included."""

    workspace_id: uuid.UUID
    id: uuid.UUID
    is_admin: bool

    def may_change(self, owner: uuid.UUID) -> bool:
        """Return whether this caller may change a view of an owner."""
        return self.is_admin or owner == self.id


@dataclass(frozen=True, slots=True)
class NewView:
    """What is stored of a view; ``definition`` is JSON."""

    name: str
    scope: str
    page: str
    definition: str


_SELECT_VIEWS = f"""
select {_COLUMNS} from views
where workspace_id = $1 and (scope = 'workspace' or owner_id = $2) and ($3::text is null or page = $3)
order by lower(name), view_id
"""  # noqa: S608


async def list_views(workspace_id: uuid.UUID, metadata: Pool, viewer: Viewer, page: str | None) -> list[Row]:
    """Return the views that a caller sees: own ones and shared ones."""
    rows: Any = await metadata.fetch(_SELECT_VIEWS, workspace_id, viewer.id, page)
    return list(rows)


# The lock lets callers count one after the other.
_LOCK_WORKSPACE = "select from workspaces where workspace_id = $1 and deleted_at is null for no key update"
_COUNT_VIEWS = "select count(*) from views where workspace_id = $1"
_INSERT_VIEW = f"""
insert into views (workspace_id, owner_id, name, scope, page, definition) values ($1, $2, $3, $4, $5, $6::text::jsonb)
returning {_COLUMNS}
"""  # noqa: S608


async def create_view(workspace_id: uuid.UUID, metadata: Pool, viewer: Viewer, view: NewView, most: int) -> Row:
    """Store a view of the caller.

    Raises:
        ConflictError: The workspace has as many views as it may.
        NotFoundError: The workspace is gone.
    """
    async with metadata.acquire() as connection, connection.transaction():
        if not await connection.fetch(_LOCK_WORKSPACE, workspace_id):
            raise NotFoundError
        if await connection.fetchval(_COUNT_VIEWS, workspace_id) >= most:
            raise ConflictError(f"The workspace has {most} views; delete some first.", code="too_many_views")
        row: Any = await connection.fetchrow(
            _INSERT_VIEW, workspace_id, viewer.id, view.name, view.scope, view.page, view.definition
        )
    return dict(row)


_UPDATE_VIEW = f"""
update views set name = $3, scope = $4, page = $5, definition = $6::text::jsonb, updated_at = now()
where workspace_id = $1 and view_id = $2 returning {_COLUMNS}
"""  # noqa: S608


async def replace_view(
    workspace_id: uuid.UUID, metadata: Pool, viewer: Viewer, view_id: uuid.UUID, view: NewView
) -> Row:
    """Store a view anew.

    Raises:
        NotFoundError: The caller sees no such view.
        ForbiddenError: It is another's.
    """
    async with metadata.acquire() as connection, connection.transaction():
        await _lock_own(workspace_id, connection, viewer, view_id)
        row: Any = await connection.fetchrow(
            _UPDATE_VIEW, workspace_id, view_id, view.name, view.scope, view.page, view.definition
        )
    return dict(row)


_DELETE_VIEW = "delete from views where workspace_id = $1 and view_id = $2"


async def delete_view(workspace_id: uuid.UUID, metadata: Pool, viewer: Viewer, view_id: uuid.UUID) -> None:
    """Delete a view.

    Raises:
        NotFoundError: The caller sees no such view.
        ForbiddenError: It is another's.
    """
    async with metadata.acquire() as connection, connection.transaction():
        await _lock_own(workspace_id, connection, viewer, view_id)
        await connection.execute(_DELETE_VIEW, workspace_id, view_id)


_LOCK_VIEW = """
select owner_id from views
where workspace_id = $1 and view_id = $2 and (scope = 'workspace' or owner_id = $3) for update
"""


async def _lock_own(workspace_id: uuid.UUID, connection: Connection, viewer: Viewer, view_id: uuid.UUID) -> None:
    owner = await connection.fetchval(_LOCK_VIEW, workspace_id, view_id, viewer.id)
    if owner is None:
        raise NotFoundError
    if not viewer.may_change(owner):
        raise ForbiddenError("Only its owner or an administrator may change this view.")
