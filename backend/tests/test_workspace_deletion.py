"""S65: from the request that deletes a workspace to the last of its rows, over whatever dies in between."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.app.config import Settings as GatewaySettings
from gateway.app.main import create_app
from gateway.tests.conftest import Account, client_of, create_key, registering, running
from processing.app.queries.deletion import tables_of_workspaces
from processing.app.queries.search import prepare_connection
from processing.app.search.documents import index_traces
from processing.tests.jobs_support import check_rollups, read, run
from processing.tests.support import SECRET, Bench, llm_span, make_span, open_bench, settings_for, trace_body
from shared.changes import changes_key
from shared.database import Pool, create_pool
from shared.jobs import store
from shared.streams.contracts import events_stream
from shared.streams.events import publish_event

BACKEND = Path(__file__).parents[1]
# Kept: the number of the workspace is never given to another, the job tells of its end, and the audit log is kept.
_KEPT = {"workspaces", "jobs", "job_logs", "audit_log"}
_CHILD = """
import asyncio, os, signal, sys
from uuid import UUID
import orjson
from processing.app.jobs import delete_workspace
from processing.tests.jobs_support import run
from processing.tests.support import open_bench, settings_for
from shared.database import create_pool
from shared.jobs import store

async def main(urls, folder, workspace_id, job_id):
    remove = delete_workspace.delete_traces_of
    async def removed(workspace, connection, table):
        count = await remove(workspace, connection, table)
        if table == "span_payloads":
            os.kill(os.getpid(), signal.SIGKILL)
        return count
    delete_workspace.delete_traces_of = removed
    async with open_bench(settings_for(*urls, export_dir=folder)) as bench:
        metadata = await create_pool(urls[1], service="tests", size=2)
        async with metadata.acquire() as connection:
            job = await store.find(connection, workspace_id, job_id)
        await run(bench, metadata, job)

urls, folder, workspace_id, job_id = orjson.loads(sys.argv[1])
asyncio.run(main(urls, folder, UUID(workspace_id), UUID(job_id)))
"""


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=3)
    yield pool
    await pool.close()


@pytest.fixture
async def bench(each_traces_url: str, metadata_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    settings = settings_for(each_traces_url, metadata_url, redis_url, export_dir=str(tmp_path))
    async with open_bench(settings) as opened:
        yield opened


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    settings = GatewaySettings(
        timescale_url=bench.settings.timescale_url,
        postgres_url=bench.settings.postgres_url,
        redis_url=bench.settings.redis_url,
        jwt_secret=SECRET,
        api_key_salt=SECRET,
        internal_token_secret=SECRET,
        password_cost=4,
    )
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield client


async def _fill(bench: Bench, metadata: Pool, owner: Account, folder: Path) -> int:
    """Give a workspace something of everything, and return its number."""
    identifier = owner.workspace_id
    number: int = await metadata.fetchval(
        "select number from workspaces where workspace_id = $1", uuid.UUID(identifier)
    )
    fields: dict[str, Any] = {"workspace": number, "workspace_id": identifier}
    trace_id = os.urandom(16)
    start = time.time_ns() - 120_000_000_000
    spans = (llm_span(trace_id, 1, start=start, input__value="a secret"), make_span(trace_id, 2, 1, error="broken"))
    await bench.send(trace_body(*spans), **fields)
    await bench.send([{"trace_id": trace_id.hex(), "name": "n", "value": 1, "source": "code"}], "scores", **fields)
    await bench.send([{"name": "q"}], "scores", **fields)
    await bench.process()
    async with bench.pool.acquire() as connection:
        await prepare_connection(connection)
        await index_traces(number, connection, [uuid.UUID(bytes=trace_id)])
    await publish_event(bench.redis, identifier, "prices.changed", {})
    await bench.redis.hset(changes_key(number), "1", 1)
    await bench.redis.set(f"result:{{{number}}}:abc", b"x")
    (folder / identifier).mkdir()
    (folder / identifier / "file.csv").write_bytes(b"x")
    return number


async def _rows(pool: Pool, workspace: int | uuid.UUID) -> dict[str, int]:
    """Return how many rows of a workspace the tables of a database have, but for those that have none."""
    async with pool.acquire() as connection:
        counts = {
            table: await connection.fetchval(f"select count(*) from {table} where workspace_id = $1", workspace)
            for table in await tables_of_workspaces(connection)
        }
    return {table: count for table, count in counts.items() if count}


@pytest.mark.timeout(120)
async def test_S65_a_deleted_workspace_is_gone_although_its_worker_was_killed(
    bench: Bench, metadata: Pool, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    owner, other = [await registering(client)(name) for name in ("mine", "theirs")]
    key = {"X-API-Key": (await create_key(client, owner, "write"))["key"]}
    mine, theirs = [await _fill(bench, metadata, account, tmp_path) for account in (owner, other)]
    before = await _rows(bench.pool, theirs), await _rows(metadata, uuid.UUID(other.workspace_id))
    assert {"spans", "span_payloads", "search_documents", "scores", "dead_letters"} <= set(
        await _rows(bench.pool, mine)
    )

    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200
    for headers in (owner.headers, key):
        assert (await client.get("/api/v1/workspace", headers=headers)).status_code == 401

    workspace = uuid.UUID(owner.workspace_id)
    job_id = await metadata.fetchval("select job_id from jobs where workspace_id = $1", workspace)
    async with metadata.acquire() as connection:
        job = await store.find(connection, workspace, job_id)
    assert job is not None
    settings = bench.settings
    urls = [settings.timescale_url, settings.postgres_url, settings.redis_url]
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _CHILD,
        orjson.dumps([urls, str(tmp_path), str(workspace), str(job_id)]).decode(),
        cwd=BACKEND,
        stderr=subprocess.PIPE,
    )
    _, errors = await child.communicate()
    assert child.returncode == -9, errors.decode()[-2000:]
    assert (await read(metadata, job)).status == "running"
    assert {"spans", "traces"} & set(await _rows(bench.pool, mine))
    await metadata.execute("update jobs set heartbeat_at = now() - interval '1 minute'")
    ended = await run(bench, metadata, job)
    assert (ended.status, ended.attempt) == ("succeeded", 2)

    assert await _rows(bench.pool, mine) == {}
    assert set(await _rows(metadata, workspace)) <= _KEPT
    assert b"prices.changed" not in repr(await bench.redis.xrange(events_stream(owner.workspace_id))).encode()
    assert not await bench.redis.exists(changes_key(mine))
    assert await bench.redis.keys("result:*") == [f"result:{{{theirs}}}:abc".encode()]
    assert [path.name for path in tmp_path.iterdir()] == [other.workspace_id]
    assert (await _rows(bench.pool, theirs), await _rows(metadata, uuid.UUID(other.workspace_id))) == before
    await check_rollups(bench)
    assert (await client.get("/api/v1/workspace", headers=other.headers)).status_code == 200
