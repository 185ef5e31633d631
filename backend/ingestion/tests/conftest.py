"""The service on real stores, with a workspace and a key, and the queue as a test sees it."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import zstandard
from fastapi import FastAPI
from redis.asyncio import Redis

from ingestion.app.config import Settings
from ingestion.app.main import create_app
from shared.auth.keys import SHOWN_CHARACTERS, generate_key, lookup_hash, make_verifier
from shared.streams.contracts import PendingRequest, decode_header, pending_streams

SECRETS = {
    "jwt_secret": "jwt-for-tests-0123456789abcdefghijkl",
    "api_key_salt": "salt-for-tests-0123456789abcdefghijk",
    "internal_token_secret": "internal-for-tests-0123456789abcdef",
}


@dataclass
class Workspace:
    """A workspace in the metadata database."""

    workspace_id: str
    number: int
    user_id: uuid.UUID
    url: str
    keys: dict[str, str] = field(default_factory=dict)

    async def add_key(self, *scopes: str) -> str:
        """Create an API key."""
        key, salt = generate_key(), SECRETS["api_key_salt"].encode()
        connection = await asyncpg.connect(self.url)
        try:
            key_id = uuid.uuid4()
            await connection.execute(
                "insert into api_keys (key_id, workspace_id, created_by, name, prefix, lookup_hash, verifier, scopes) "
                "values ($1, $2, $3, 'test', $4, $5, $6, $7)",
                key_id,
                uuid.UUID(self.workspace_id),
                self.user_id,
                key[:SHOWN_CHARACTERS],
                lookup_hash(key, salt),
                make_verifier(key, salt),
                list(scopes),
            )
        finally:
            await connection.close()
        self.keys[key] = str(key_id)
        return key


@dataclass
class Accepted:
    """A request as it stands in the queue."""

    request: PendingRequest
    body: bytes

    @property
    def items(self) -> Any:
        """The body as JSON."""
        return orjson.loads(self.body)


class Queue:
    """The pending stream."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.stream = pending_streams(1)[0]

    async def entries(self) -> list[list[Accepted]]:
        """Return all entries, each with its requests."""
        entries = []
        found: Any = await self.client.xrange(self.stream)
        for _, fields in found:
            data, position, accepted = zstandard.ZstdDecompressor().decompress(fields[b"d"]), 0, []
            for request in decode_header(fields[b"h"]):
                accepted.append(Accepted(request, data[position : position + request.size]))
                position += request.size
            assert position == len(data)
            entries.append(accepted)
        return entries

    async def requests(self) -> list[Accepted]:
        """Return all requests in order."""
        return [accepted for entry in await self.entries() for accepted in entry]

    async def one(self) -> Accepted:
        """Return the only request."""
        (accepted,) = await self.requests()
        return accepted


@pytest.fixture
async def workspace(metadata_url: str) -> Workspace:
    """Return a workspace."""
    return await make_workspace(metadata_url)


async def make_workspace(url: str) -> Workspace:
    """Create a workspace with a user."""
    workspace_id, user_id = uuid.uuid4(), uuid.uuid4()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "insert into users (user_id, email, full_name, password_hash) values ($1, $2, 'Test', 'x')",
            user_id,
            f"{user_id}@example.com",
        )
        number = await connection.fetchval(
            "insert into workspaces (workspace_id, name, slug) values ($1, 'test', $2) returning number",
            workspace_id,
            str(workspace_id),
        )
    finally:
        await connection.close()
    return Workspace(str(workspace_id), number, user_id, url)


@pytest.fixture
async def key(workspace: Workspace) -> str:
    """Return an API key that may ingest."""
    return await workspace.add_key("ingest")


StartApp = Callable[..., Any]


@pytest.fixture
async def start_app(metadata_url: str, redis_url: str) -> AsyncIterator[StartApp]:
    """Yield a function that starts the application with some settings of its own."""
    async with AsyncExitStack() as stack:

        async def start(**overrides: Any) -> FastAPI:
            values: dict[str, Any] = {
                "timescale_url": "postgresql://nobody@127.0.0.1:1/none",
                "postgres_url": metadata_url,
                "redis_url": redis_url,
                "otlp_grpc_port": 0,
                **SECRETS,
                **overrides,
            }
            app = create_app(Settings(**values))
            await stack.enter_async_context(app.router.lifespan_context(app))
            return app

        yield start


@pytest.fixture
async def app(start_app: StartApp) -> Any:
    """Return the application, started."""
    return await start_app()


def client_of(app: FastAPI, key: str | None) -> httpx.AsyncClient:
    """Return a client of an application."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=transport, base_url="http://ingestion", headers=headers)


@pytest.fixture
async def client(app: FastAPI, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client with an API key."""
    async with client_of(app, key) as client:
        yield client


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    """Yield the queue."""
    async with Redis.from_url(redis_url) as client:
        yield Queue(client)


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)
