"""API keys of a workspace."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.database import Connection, Pool

_COLUMNS = "key_id, name, prefix, scopes, created_by, created_at, expires_at, last_used_at"

_INSERT = f"""
insert into api_keys (key_id, workspace_id, created_by, name, prefix, lookup_hash, verifier, scopes, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning {_COLUMNS}
"""  # noqa: S608

_LIST = f"""
select {_COLUMNS} from api_keys
where workspace_id = $1 and revoked_at is null and ($2::uuid is null or created_by = $2)
order by created_at desc, key_id
"""  # noqa: S608

_FIND_HASH = "select lookup_hash from api_keys where workspace_id = $1 and key_id = $2 and revoked_at is null"

_REVOKE = """
update api_keys set revoked_at = now()
where key_id = $1 and workspace_id = $2 and revoked_at is null and ($3::uuid is null or created_by = $3)
returning key_id
"""

_REVOKE_OF_USER = """
update api_keys set revoked_at = now()
where workspace_id = $1 and created_by = $2 and revoked_at is null and not scopes <@ $3::text[]
returning key_id
"""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key as stored, without its hashes."""

    key_id: uuid.UUID
    name: str
    prefix: str
    scopes: list[str]
    created_by: uuid.UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """What is stored of a new key."""

    workspace_id: uuid.UUID
    created_by: uuid.UUID
    name: str
    prefix: str
    lookup_hash: bytes
    verifier: str
    scopes: Sequence[str]
    expires_at: datetime | None


async def insert(connection: Connection, key: NewKey) -> ApiKey:
    """Store a key."""
    row = await connection.fetchrow(
        _INSERT,
        uuid.uuid4(),
        key.workspace_id,
        key.created_by,
        key.name,
        key.prefix,
        key.lookup_hash,
        key.verifier,
        list(key.scopes),
        key.expires_at,
    )
    return ApiKey(**row)


async def list_active(pool: Pool, workspace_id: uuid.UUID, *, created_by: uuid.UUID | None) -> list[ApiKey]:
    """Return the keys that are not revoked, all of them or those of one user."""
    return [ApiKey(**row) for row in await pool.fetch(_LIST, workspace_id, created_by)]


async def find_hash(pool: Pool, workspace_id: uuid.UUID, key_id: uuid.UUID) -> bytes | None:
    """Return the hash under which a key that is not revoked is looked up."""
    found: bytes | None = await pool.fetchval(_FIND_HASH, workspace_id, key_id)
    return found


async def revoke(
    connection: Connection, workspace_id: uuid.UUID, key_id: uuid.UUID, *, created_by: uuid.UUID | None
) -> bool:
    """Revoke a key of the workspace, or of one user in it, and return whether there was one."""
    return await connection.fetchval(_REVOKE, key_id, workspace_id, created_by) is not None


async def revoke_beyond(
    connection: Connection, workspace_id: uuid.UUID, user_id: uuid.UUID, allowed_scopes: Sequence[str]
) -> int:
    """Revoke the keys of a user that have any other scope, and return how many."""
    return len(await connection.fetch(_REVOKE_OF_USER, workspace_id, user_id, list(allowed_scopes)))
