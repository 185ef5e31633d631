"""An export from the gateway to the file and back: asked for, made by a run of its job, had by its link alone."""

import secrets
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from gateway.app.config import Settings as GatewaySettings
from gateway.app.main import create_app as create_gateway
from gateway.tests.conftest import Account, client_of, create_key, join, registering, running
from gateway.tests.servers import serving
from query.app.config import Settings as QuerySettings
from query.app.jobs import HANDLERS
from query.app.main import create_app as create_query
from shared.jobs.runner import run_job
from shared.testing.s3 import serving_bucket
from shared.testing.traces import store_trace

PATH = "/api/v1/exports"


@dataclass
class Stage:
    """Gateway and query over real servers, and whoever plays the worker."""

    client: httpx.AsyncClient
    settings: QuerySettings
    traces: asyncpg.Connection
    metadata: asyncpg.Connection

    async def make(self, owner: Account, headers: dict[str, str]) -> Any:
        """Return a finished export of three traces."""
        workspace = uuid.UUID(owner.workspace_id)
        number = await self.metadata.fetchval("select number from workspaces where workspace_id = $1", workspace)
        for agent in "abc":
            await store_trace(self.traces, number, f"{agent} {uuid.uuid4()}", agent_id=agent)
        asked = await self.client.post(PATH, headers=headers, json={"format": "csv", "fields": ["agent_id"]})
        assert asked.status_code == 202, asked.text
        job = uuid.UUID(asked.json()["data"]["id"])
        options: dict[str, Any] = {"service": "query", "worker": "tests", "handlers": HANDLERS}
        await run_job(workspace, job, settings=self.settings, stopping=threading.Event(), **options)
        return (await self.client.get(f"{PATH}/{job}", headers=headers)).json()["data"]


@pytest.fixture(params=["folder", "bucket"])
async def stage(
    request: pytest.FixtureRequest, traces_url: str, metadata_url: str, redis_url: str, tmp_path: Path
) -> AsyncIterator[Stage]:
    common: dict[str, Any] = {
        "timescale_url": traces_url,
        "postgres_url": metadata_url,
        "redis_url": redis_url,
        **{name: secrets.token_urlsafe(40) for name in ("jwt_secret", "api_key_salt", "internal_token_secret")},
    }
    async with AsyncExitStack() as stack:
        place: dict[str, Any] = {}
        if request.param == "bucket":
            place = (await stack.enter_async_context(serving_bucket())).settings()
        settings = QuerySettings(**common, export_dir=str(tmp_path), **place)
        port = await stack.enter_async_context(serving(create_query(settings)))
        gateway = GatewaySettings(**common, password_cost=4, query_url=f"http://127.0.0.1:{port}")
        app = await stack.enter_async_context(running(create_gateway(gateway)))
        client = await stack.enter_async_context(client_of(app))
        traces, metadata = [await asyncpg.connect(url) for url in (traces_url, metadata_url)]
        yield Stage(client, settings, traces, metadata)
        await traces.close()
        await metadata.close()


async def test_S10_a_file_is_had_by_its_link_as_long_as_who_asked_may_have_it(stage: Stage) -> None:
    client = stage.client
    owner, stranger = await registering(client)(), await registering(client)("stranger")
    member = await join(client, owner, "member")
    key = await create_key(client, owner, "read", "write")
    theirs = await stage.make(owner, member.headers)
    of_key = await stage.make(owner, {"X-API-Key": key["key"]})
    files = []
    for export in (theirs, of_key):
        file = await client.get(export["download_url"])
        assert file.status_code == 200, file.text
        assert file.headers["content-type"] == "text/csv; charset=utf-8"
        assert file.content.startswith(b"agent_id\r\na\r\n")
        assert len(file.content) == export["bytes"] == int(file.headers["content-length"])
        part = await client.get(export["download_url"], headers={"Range": "bytes=10-"})
        assert (part.status_code, part.content) == (206, file.content[10:])
        beyond = await client.get(export["download_url"], headers={"Range": "bytes=999-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{export['bytes']}")
        assert (await client.get(f"{PATH}/{export['id']}", headers=stranger.headers)).status_code == 404
        bare, _, query = export["download_url"].partition("?")
        assert (await client.get(bare)).status_code == 401
        assert (await client.get(bare, headers=stranger.headers)).status_code == 404
        assert (await client.get(bare, headers=owner.headers)).content == file.content
        files.append((bare, query))
    # The link to one's own file opens nobody else's.
    swapped = await client.get(f"{files[1][0]}?{files[0][1]}")
    assert (swapped.status_code, swapped.json()["error"]["code"]) == (403, "link_invalid")
    left = await client.delete(f"/api/v1/team/members/{member.user_id}", headers=owner.headers)
    assert left.is_success
    assert (await client.get(theirs["download_url"])).status_code == 403
    assert (await client.get(of_key["download_url"])).status_code == 200
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).is_success
    assert (await client.get(of_key["download_url"])).status_code == 403
