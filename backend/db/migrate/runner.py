"""Applies a sequence of migrations to one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from db.migrate.files import Engine, Migration, MigrationError, split_statements
from shared.database import Connection

_LOCK_KEY = 0x6D696772
_LOCK_POLL_SECONDS = 0.1

_CREATE_HISTORY = """
create table if not exists schema_migrations (
  version int4 primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
)
"""
_SELECT_HISTORY = "select version, name, checksum from schema_migrations order by version"
# CREATE EXTENSION ends the session where the library is not preloaded, which a parameter of its loader tells.
_TIMESCALE_AVAILABLE = """
select exists (select from pg_available_extensions where name = 'timescaledb')
   and (current_setting('timescaledb.disable_load', true) is not null
        or current_setting('timescaledb.allow_install_without_preload', true) = 'on')
"""
_INSERT_HISTORY = "insert into schema_migrations (version, name, checksum) values ($1, $2, $3)"


async def apply(connection: Connection, migrations: list[Migration], engine: Engine) -> list[str]:
    """Apply what is missing and return its labels; the caller holds the lock of ``exclusive``.

    A transactional file and its entry in ``schema_migrations`` commit together, so that a run killed half-way is
    completed by the next. The statements of a file that opts out commit one by one and must bear being repeated.

    Args:
        connection: Connection outside a transaction.
        migrations: The whole sequence.
        engine: Variant of the conditional comments that is activated.

    Raises:
        MigrationError: The database was migrated from other files.
        asyncpg.PostgresError: A statement failed; everything before its file stays applied.
    """
    await connection.execute(_CREATE_HISTORY)
    applied = await connection.fetch(_SELECT_HISTORY)
    _check_history(applied, migrations)
    pending = migrations[len(applied) :]
    for migration in pending:
        entry = (migration.version, migration.name, migration.checksum)
        if migration.transactional:
            async with connection.transaction():
                await connection.execute(migration.sql(engine))
                await connection.execute(_INSERT_HISTORY, *entry)
        else:
            for statement in split_statements(migration.sql(engine)):
                await connection.execute(statement)
            await connection.execute(_INSERT_HISTORY, *entry)
            await connection.execute("reset lock_timeout")
    return [migration.label for migration in pending]


def _check_history(applied: list[asyncpg.Record], migrations: list[Migration]) -> None:
    for row, migration in zip(applied, migrations, strict=False):
        if (row["version"], row["name"]) != (migration.version, migration.name):
            raise MigrationError(f"{row['version']:04d}_{row['name']} was applied, but the file is {migration.label}")
        if row["checksum"] != migration.checksum:
            raise MigrationError(
                f"{migration.label}.sql was edited after it was applied; restore it and write a new migration instead"
            )
    if len(applied) > len(migrations):
        newer = applied[len(migrations)]
        raise MigrationError(
            f"the database is at version {applied[-1]['version']}, these files end at {len(migrations)}: "
            f"{newer['version']:04d}_{newer['name']} was applied by a newer release"
        )


@asynccontextmanager
async def exclusive(connection: Connection) -> AsyncIterator[None]:
    """Hold the lock that lets one migration run at a time in a database."""
    # A waiter inside pg_advisory_lock() would hold a snapshot, for which CREATE INDEX CONCURRENTLY waits in turn.
    while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK_KEY):  # noqa: ASYNC110
        await asyncio.sleep(_LOCK_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("select pg_advisory_unlock($1)", _LOCK_KEY)


async def detect_engine(connection: Connection) -> Engine:
    """Return the engine of a traces database and install TimescaleDB where that is possible.

    A database that was migrated before keeps its engine, whatever became available since. TimescaleDB under its Apache
    licence has neither compression nor policies and counts as plain PostgreSQL.
    """
    kind = await connection.fetchval("select relkind from pg_class where oid = to_regclass('spans')")
    if kind is not None:
        return Engine.PLAIN if kind == b"p" else Engine.TIMESCALE
    if not await connection.fetchval(_TIMESCALE_AVAILABLE):
        return Engine.PLAIN
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("create extension if not exists timescaledb")
    except asyncpg.InsufficientPrivilegeError:
        await transaction.rollback()
        return Engine.PLAIN
    if await connection.fetchval("select current_setting('timescaledb.license', true)") != "timescale":
        await transaction.rollback()
        return Engine.PLAIN
    await transaction.commit()
    return Engine.TIMESCALE
