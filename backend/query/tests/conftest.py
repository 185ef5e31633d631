"""The query service over a real database, called as the gateway calls it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from query.app.config import Settings
from query.app.main import create_app
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer

INTERNAL_SECRET = "f2c8e0a9471b5d36c1a87e4490db63f5"
WORKSPACE = 1
OTHER_WORKSPACE = 2
WORKSPACE_IDS = {
    WORKSPACE: "11111111-1111-4111-8111-111111111111",
    OTHER_WORKSPACE: "22222222-2222-4222-8222-222222222222",
}


def headers_of(workspace: int, *, role: str = "viewer", audience: str = "query") -> dict[str, str]:
    """Return what the gateway adds to a request of a user."""
    context = AuthContext(
        workspace_id=WORKSPACE_IDS[workspace],
        workspace_number=workspace,
        principal="user",
        subject_id="99999999-9999-4999-8999-999999999999",
        role=role,
    )
    token = InternalTokenIssuer(INTERNAL_SECRET).issue(context, audience)
    return {TOKEN_HEADER: token, WORKSPACE_HEADER: context.workspace_id}


@dataclass
class Api:
    """Calls the service in the name of a workspace."""

    client: httpx.AsyncClient

    async def get(
        self, path: str, params: Any = None, *, workspace: int = WORKSPACE, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Return the answer, whatever its status."""
        given = headers_of(workspace) if headers is None else dict(headers)
        return await self.client.get(path, params=params, headers=given)

    async def read(self, path: str, params: Any = None, *, workspace: int = WORKSPACE) -> Any:
        """Return the body of an answer that must succeed."""
        answer = await self.get(path, params, workspace=workspace)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def trace_ids(self, params: Any = None, *, workspace: int = WORKSPACE) -> list[str]:
        """Return the ids on a page of the list of traces."""
        body = await self.read("/api/v1/traces", params, workspace=workspace)
        return [trace["trace_id"] for trace in body["data"]]


def make_settings(traces_url: str) -> Settings:
    """Return settings that name a traces database and nothing else that exists."""
    return Settings(
        timescale_url=traces_url,
        postgres_url="postgresql://127.0.0.1:1/unused",
        redis_url="redis://127.0.0.1:1/0",
        jwt_secret="0b1c2d3e4f5a69788796a5b4c3d2e1f0",
        api_key_salt="7d3f9a1c5e2b8046d1c3b5a79f8e6d4c",
        internal_token_secret=INTERNAL_SECRET,
    )


@asynccontextmanager
async def calling(settings: Settings) -> AsyncIterator[Api]:
    """Run the service and yield what calls it."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://query") as client:
            yield Api(client)


@pytest.fixture
async def api(traces_url: str) -> AsyncIterator[Api]:
    async with calling(make_settings(traces_url)) as caller:
        yield caller


@pytest.fixture
async def door() -> AsyncIterator[Api]:
    """Yield a service without database, for what it decides before it asks one."""
    async with calling(make_settings("postgresql://user:pw@127.0.0.1:1/traces")) as caller:
        yield caller


@pytest.fixture
async def database(traces_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(traces_url)
    yield connection
    await connection.close()
