"""Connections to the databases of ``shared.testing.databases``."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from shared.database import Connection


@pytest.fixture
async def traces(traces_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to a migrated traces database on plain PostgreSQL."""
    connection = await asyncpg.connect(traces_url)
    yield connection
    await connection.close()


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to a migrated metadata database."""
    connection = await asyncpg.connect(metadata_url)
    yield connection
    await connection.close()


@pytest.fixture
async def timescale(timescale_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to a migrated traces database on TimescaleDB."""
    connection = await asyncpg.connect(timescale_url)
    yield connection
    await connection.close()


@pytest.fixture
async def each_traces(each_traces_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to a traces database, on plain PostgreSQL and on TimescaleDB in turn."""
    connection = await asyncpg.connect(each_traces_url)
    yield connection
    await connection.close()


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Connection]:
    """Yield a connection to a database without any table."""
    connection = await asyncpg.connect(empty_database_url)
    yield connection
    await connection.close()
