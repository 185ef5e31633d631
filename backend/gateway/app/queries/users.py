"""Users, their passwords and password resets."""

import uuid
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from shared.database import Connection, Pool

# Any number does that nothing else locks by; it makes registrations of a new installation take turns.
_FIRST_USER_LOCK = 7_201_406_113

_COLUMNS = "user_id, email, full_name, password_hash, platform_role, is_active, is_demo, created_at, last_login_at"

_FIND_BY_EMAIL = f"""
select {_COLUMNS}, exists (
  select 1 from sessions s
  where s.user_id = u.user_id and s.device_hash = $2 and s.created_at > now() - interval '90 days'
) as known_device
from users u where lower(email) = lower($1)
"""  # noqa: S608

_FIND = f"select {_COLUMNS}, false as known_device from users where user_id = $1"  # noqa: S608

_INSERT = f"""
insert into users (user_id, email, full_name, password_hash, platform_role, is_demo)
values ($1, $2, $3, $4, $5, $6) on conflict do nothing returning {_COLUMNS}, false as known_device
"""  # noqa: S608

_HAS_REAL_USER = "select exists (select 1 from users where not is_demo)"

_UPDATE_PROFILE = f"""
update users set full_name = $2, email = $3 where user_id = $1 returning {_COLUMNS}, false as known_device
"""  # noqa: S608

_SET_PASSWORD = "update users set password_hash = $2 where user_id = $1"

_INSERT_RESET = """
insert into password_resets (token_hash, user_id, expires_at) values ($1, $2, now() + interval '1 hour')
"""

_TAKE_RESET = """
update password_resets r set used_at = now() from users u
where r.token_hash = $1 and r.used_at is null and r.expires_at > now() and u.user_id = r.user_id and u.is_active
returning r.user_id
"""

_END_RESETS = "update password_resets set used_at = now() where user_id = $1 and used_at is null"


@dataclass(frozen=True, slots=True)
class User:
    """A user as stored; ``known_device`` says whether this device was used by the account before."""

    user_id: uuid.UUID
    email: str
    full_name: str
    password_hash: str
    platform_role: str
    is_active: bool
    is_demo: bool
    created_at: datetime
    last_login_at: datetime | None
    known_device: bool


async def find_by_email(pool: Pool, email: str, device_hash: bytes) -> User | None:
    """Return the user with a mail address in any case."""
    row = await pool.fetchrow(_FIND_BY_EMAIL, email, device_hash)
    return User(**row) if row else None


async def find(connection: Connection, user_id: uuid.UUID) -> User | None:
    """Return a user."""
    row = await connection.fetchrow(_FIND, user_id)
    return User(**row) if row else None


async def lock_first_user(connection: Connection) -> bool:
    """Return whether there is no real user yet; others that ask wait for the end of this transaction."""
    await connection.execute("select pg_advisory_xact_lock($1)", _FIRST_USER_LOCK)
    return not await connection.fetchval(_HAS_REAL_USER)


async def has_real_user(pool: Pool) -> bool:
    """Return whether anybody but the demo user has registered."""
    return bool(await pool.fetchval(_HAS_REAL_USER))


async def insert(
    connection: Connection, *, email: str, full_name: str, password_hash: str, platform_admin: bool, demo: bool
) -> User | None:
    """Return the new user, None when the mail address is taken."""
    role = "platform_admin" if platform_admin else "user"
    row = await connection.fetchrow(_INSERT, uuid.uuid4(), email, full_name, password_hash, role, demo)
    return User(**row) if row else None


async def update_profile(connection: Connection, user_id: uuid.UUID, full_name: str, email: str) -> User | None:
    """Return the changed user, None when the mail address is taken."""
    try:
        async with connection.transaction():
            row = await connection.fetchrow(_UPDATE_PROFILE, user_id, full_name, email)
    except asyncpg.UniqueViolationError:
        return None
    return User(**row) if row else None


async def set_password(connection: Connection, user_id: uuid.UUID, password_hash: str) -> None:
    """Store a new password hash and make every reset link of the user useless."""
    await connection.execute(_SET_PASSWORD, user_id, password_hash)
    await connection.execute(_END_RESETS, user_id)


async def insert_reset(connection: Connection, user_id: uuid.UUID, token_hash: bytes) -> None:
    """Store the hash of a reset token; earlier ones become useless."""
    await connection.execute(_END_RESETS, user_id)
    await connection.execute(_INSERT_RESET, token_hash, user_id)


async def take_reset(connection: Connection, token_hash: bytes) -> uuid.UUID | None:
    """Return the user of a valid reset token and use the token up, None when it is not valid."""
    user_id: uuid.UUID | None = await connection.fetchval(_TAKE_RESET, token_hash)
    return user_id
