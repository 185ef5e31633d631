"""Fixtures: real PostgreSQL, TimescaleDB and Valkey, started once per test process."""

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil
import pytest
import redis

from db.migrate import migrate, migrate_traces
from launcher.postgres import EmbeddedPostgres
from launcher.valkey import EmbeddedValkey
from shared.database import Connection

TRACES_TEMPLATE = "traces_template"
METADATA_TEMPLATE = "metadata_template"

_TIMESCALE_FOLDER = Path(__file__).parents[2] / "tests" / "timescale"
# A crash of the machine may cost a test its data, so nothing is forced to disk.
_FAST_AND_UNSAFE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
}
_MEMORY_FOLDER = Path("/dev/shm")
_MEMORY_NEEDED_BYTES = 2 * 1024**3
_FOLDER_PREFIX = "agentobs-test-"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """Yield a running PostgreSQL server that holds the migrated databases which tests clone."""
    with server_folder() as folder:
        server = EmbeddedPostgres(folder, _free_port(), _FAST_AND_UNSAFE)
        server.start()
        try:
            for template in (TRACES_TEMPLATE, METADATA_TEMPLATE):
                server.create_database(template)
            _run(migrate(server.dsn(TRACES_TEMPLATE), server.dsn(METADATA_TEMPLATE)))
            yield server
        finally:
            server.stop()


@pytest.fixture
def traces_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Yield the URL of an own, migrated traces database on plain PostgreSQL."""
    yield from _clone(postgres_server, TRACES_TEMPLATE)


@pytest.fixture
def metadata_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Yield the URL of an own, migrated metadata database."""
    yield from _clone(postgres_server, METADATA_TEMPLATE)


@pytest.fixture
def empty_database_url(postgres_server: EmbeddedPostgres) -> Iterator[str]:
    """Yield the URL of an own database without any table."""
    yield from _clone(postgres_server, "template0", owner=TRACES_TEMPLATE)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """Yield a running Valkey server."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"), _free_port(), secrets.token_hex(16), appendfsync="no")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_url(valkey_server: EmbeddedValkey) -> str:
    """Return the URL of an empty Valkey database."""
    with redis.Redis.from_url(valkey_server.url()) as client:
        client.flushall()
    return valkey_server.url()


@pytest.fixture(scope="session")
def timescale_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a migrated traces database on TimescaleDB, which the whole session shares.

    It is one WebAssembly backend behind a socket: connections take turns transaction by transaction, and a test that
    waits for one connection inside a transaction of another never ends.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("TimescaleDB tests need node")
    if not (_TIMESCALE_FOLDER / "node_modules").is_dir():
        pytest.skip("TimescaleDB tests need `npm ci` in backend/tests/timescale")
    log = tmp_path_factory.mktemp("timescale") / "server.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [node, "server.mjs"], cwd=_TIMESCALE_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().decode().strip()
        if not port.isdigit():
            pytest.fail(f"the TimescaleDB server did not start: {log.read_text()[-2000:]}")
        url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        _run(_on(url, migrate_traces))
        yield url
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def timescale_url(timescale_server: str) -> str:
    """Return the URL of a traces database on TimescaleDB that holds prices and no other rows."""
    _run(_on(timescale_server, _empty))
    return timescale_server


@pytest.fixture(params=["traces_url", pytest.param("timescale_url", marks=pytest.mark.timescale)])
def each_traces_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a traces database, for a test that runs on plain PostgreSQL and then on TimescaleDB."""
    return str(request.getfixturevalue(request.param))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Send all tests on TimescaleDB to one xdist worker, so that its server starts once."""
    for item in items:
        if "timescale_server" in getattr(item, "fixturenames", ()) or item.get_closest_marker("timescale"):
            item.add_marker(pytest.mark.timescale)
            item.add_marker(pytest.mark.xdist_group("timescale"))


@contextmanager
def server_folder() -> Iterator[Path]:
    """Yield a folder, in memory where there is room: cloning a database on a slow disk takes ten times as long."""
    parent = Path(tempfile.gettempdir())
    if _MEMORY_FOLDER.is_dir() and os.access(_MEMORY_FOLDER, os.W_OK):
        for leftover in _MEMORY_FOLDER.glob(f"{_FOLDER_PREFIX}*"):
            if not psutil.pid_exists(int(leftover.name.removeprefix(_FOLDER_PREFIX).partition("-")[0])):
                shutil.rmtree(leftover, ignore_errors=True)
        if shutil.disk_usage(_MEMORY_FOLDER).free >= _MEMORY_NEEDED_BYTES:
            parent = _MEMORY_FOLDER
    with tempfile.TemporaryDirectory(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-", dir=parent) as folder:
        yield Path(folder)


def _clone(server: EmbeddedPostgres, template: str, owner: str | None = None) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    parts = urlsplit(server.dsn(owner or template))
    # Copying files costs a third of the default, which writes each page to the log as well.
    options = f"template {template} owner {owner or template} strategy file_copy"
    _execute(server, f"create database {name} {options}")
    yield urlunsplit(parts._replace(path=f"/{name}"))
    _execute(server, f"drop database {name} with (force)")


async def _on(url: str, work: Callable[[Connection], Awaitable[object]]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await work(connection)
    finally:
        await connection.close()


async def _empty(connection: Connection) -> None:
    tables = await connection.fetchval(
        "select string_agg(format('%I', tablename), ', ') from pg_tables"
        " where schemaname = 'public' and tablename not in ('schema_migrations', 'price_versions')"
    )
    await connection.execute(f"truncate {tables}")


def _execute(server: EmbeddedPostgres, statement: str) -> None:
    _run(_on(server.dsn(superuser=True), lambda connection: connection.execute(statement)))


def _run(work: Coroutine[Any, Any, None]) -> None:
    # In a thread: asyncio.run() would take the event loop of pytest-asyncio out of the main thread.
    with ThreadPoolExecutor(1) as executor:
        executor.submit(asyncio.run, work).result()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
