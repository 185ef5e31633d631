"""Brings the two databases to the newest schema, from plain SQL files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg

from db.maintenance import ensure_partitions
from db.migrate.files import MIGRATIONS, Engine, MigrationError, read_sequence
from db.migrate.runner import apply, detect_engine, exclusive
from shared.database import Connection
from shared.pricing.seed import seed_prices

__all__ = ["Engine", "MigrationError", "migrate", "migrate_metadata", "migrate_traces"]

Report = Callable[[str], object]


def _silent(_: str) -> None:
    return None


async def migrate(timescale_url: str, postgres_url: str, report: Report = _silent) -> None:
    """Bring both databases to the newest schema.

    Args:
        timescale_url: Traces database.
        postgres_url: Metadata database, which must be another one.
        report: Receives a line for each thing that was done.

    Raises:
        MigrationError: A database was migrated from other files.
        asyncpg.PostgresError: A statement failed; a second run completes what is missing.
    """
    for url, step in ((timescale_url, migrate_traces), (postgres_url, migrate_metadata)):
        connection = await asyncpg.connect(url, server_settings={"application_name": "agentobs-migrate"})
        try:
            await step(connection, report)
        finally:
            await connection.close()


async def migrate_traces(connection: Connection, report: Report = _silent) -> None:
    """Bring a traces database to the newest schema, with current prices and partitions of today and tomorrow."""
    async with exclusive(connection):
        engine = await detect_engine(connection)
        done = await apply(connection, read_sequence(MIGRATIONS / "traces"), engine)
        await seed_prices(connection)
    today = datetime.now(UTC).date()
    await ensure_partitions(connection, (today, today + timedelta(days=1)))
    report(f"traces ({engine}): {', '.join(done) or 'up to date'}")


async def migrate_metadata(connection: Connection, report: Report = _silent) -> None:
    """Bring a metadata database to the newest schema."""
    async with exclusive(connection):
        done = await apply(connection, read_sequence(MIGRATIONS / "metadata"), Engine.PLAIN)
    report(f"metadata: {', '.join(done) or 'up to date'}")
