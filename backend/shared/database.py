"""Connection pools to PostgreSQL and TimescaleDB."""

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg

from shared.logging import get_logger
from shared.telemetry import DATABASE_CONNECTIONS, DATABASE_DURATION

CONNECT_SECONDS = 2.0
ACQUIRE_SECONDS = 5.0
STATEMENT_SECONDS = 15.0
SLOW_QUERY_SECONDS = 1.0

logger = get_logger(__name__)

Pool = asyncpg.Pool
# asyncpg hands out a proxy from a pool and a Connection elsewhere; the two share no base class.
Connection = Any

_DEPENDENCY_ERRORS: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A connection that lost its server in the middle of an operation may be taken for one that is still at it.
    asyncpg.InternalClientError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalServerError,
    asyncpg.PostgresSystemError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    asyncio.TimeoutError,
)


def is_dependency_error(error: BaseException) -> bool:
    """Return whether an error says something about the database rather than about the data sent to it."""
    return isinstance(error, _DEPENDENCY_ERRORS) and not isinstance(error, (asyncpg.DataError, ValueError))


async def create_pool(
    url: str,
    *,
    service: str,
    size: int,
    statement_seconds: float = STATEMENT_SECONDS,
    server_settings: Mapping[str, str] | None = None,
) -> Pool:
    """Return a pool that connects when first used, so that a service starts while its database is down.

    Args:
        url: PostgreSQL URL.
        service: Name of the service, shown in ``pg_stat_activity`` and in metrics.
        size: Highest number of connections.
        statement_seconds: ``statement_timeout`` of each connection.
        server_settings: Further run-time parameters of each connection.
    """

    async def prepare(connection: Connection) -> None:
        connection.add_query_logger(_QueryLogger(service))

    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=statement_seconds + 5,
        max_inactive_connection_lifetime=300,
        init=prepare,
        server_settings={
            "application_name": f"agentobs-{service}",
            "statement_timeout": str(int(statement_seconds * 1000)),
            "timezone": "UTC",
            **(server_settings or {}),
        },
    )
    await pool
    return pool


class _QueryLogger:
    """Counts each statement and logs those slower than a second, without their arguments."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, query: Any) -> None:
        words = query.query.split(None, 2)
        verb = words[0].lower() if words else "none"
        DATABASE_DURATION.labels(self._service, verb).observe(query.elapsed)
        if query.elapsed >= SLOW_QUERY_SECONDS:
            logger.warning("slow_query", seconds=round(query.elapsed, 3), query=" ".join(query.query.split())[:2000])


def observe_pool(pool: Pool, service: str, database: str) -> None:
    """Bring the gauges of a pool up to date."""
    DATABASE_CONNECTIONS.labels(service, database, "open").set(pool.get_size())
    DATABASE_CONNECTIONS.labels(service, database, "idle").set(pool.get_idle_size())


async def ping(pool: Pool) -> None:
    """Run the smallest statement there is.

    Raises:
        Exception: Whatever keeps the database from answering within two seconds.
    """
    async with asyncio.timeout(CONNECT_SECONDS):
        await pool.fetchval("select 1")
