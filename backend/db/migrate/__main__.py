"""Command ``python -m db.migrate``: brings both databases to the newest schema and says what was done."""

import asyncio
import sys

import asyncpg

from db.migrate import MigrationError, migrate
from shared.settings import ServiceSettings


def main() -> int:
    """Run the command and return its exit code."""
    settings = ServiceSettings()
    try:
        asyncio.run(migrate(settings.timescale_url, settings.postgres_url, report=print))
    except (MigrationError, asyncpg.PostgresError, OSError) as error:
        print(f"migration failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
