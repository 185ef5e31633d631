"""One key, one action, one answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import redis.asyncio

from gateway.app.main import create_app
from gateway.tests.conftest import (
    PASSWORD,
    Account,
    SettingsFactory,
    client_of,
    create_key,
    join,
    registering,
    running,
)
from gateway.tests.servers import Recorder, serving
from shared.database import Connection


@pytest.fixture
def service() -> Recorder:
    return Recorder()


@pytest.fixture
async def client(make_settings: SettingsFactory, service: Recorder) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(service) as port:
        url = f"http://127.0.0.1:{port}"
        settings = make_settings(ingestion_url=url, processing_url=url, query_url=url)
        async with running(create_app(settings)) as app, client_of(app) as client:
            yield client


async def new_key(client: httpx.AsyncClient, account: Account, key: str, name: str = "k") -> httpx.Response:
    headers = account.headers | {"Idempotency-Key": key}
    return await client.post("/api/v1/api-keys", headers=headers, json={"name": name, "scopes": ["read"]})


async def test_the_same_request_gets_the_same_answer(
    client: httpx.AsyncClient, database: Connection, redis_url: str
) -> None:
    owner = await registering(client)()
    first, second = await new_key(client, owner, "retry-1"), await new_key(client, owner, "retry-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert await database.fetchval("select count(*) from api_keys") == 1
    other = await new_key(client, owner, "retry-1", "another name")
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert (await new_key(client, owner, "retry-2")).json()["id"] != first.json()["id"]
    async with redis.asyncio.Redis.from_url(redis_url) as store:
        names = [name async for name in store.scan_iter("idempotency:*")]
        assert names
        for name in names:
            assert first.json()["key"].encode() not in (await store.get(name) or b"")
            assert 0 < await store.ttl(name) <= 24 * 3600


async def test_S07_keys_belong_to_their_credential_and_its_rights(
    client: httpx.AsyncClient, database: Connection
) -> None:
    owner, stranger = await registering(client)(), await registering(client)()
    member = await join(client, owner, "member")
    ids = {(await new_key(client, account, "same")).json()["id"] for account in (owner, stranger, member)}
    assert len(ids) == 3
    path = f"/api/v1/team/members/{member.user_id}/role"
    await client.put(path, headers=owner.headers, json={"role": "viewer"})
    assert (await new_key(client, member, "same")).status_code == 403


async def test_concurrent_requests_act_once(client: httpx.AsyncClient, service: Recorder) -> None:
    owner = await registering(client)()
    service.delay = 0.2
    headers = {"X-API-Key": (await create_key(client, owner, "ingest"))["key"], "Idempotency-Key": "batch-1"}
    answers = await asyncio.gather(
        *(client.post("/api/v1/traces", headers=headers, json={"trace_id": "t"}) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.headers["x-receipt-id"] for answer in answers} == {"r-1"}
    assert len(service.seen) == 1
    assert "idempotency-key" not in service.seen[0].headers


async def test_failures_that_may_pass_are_tried_again(client: httpx.AsyncClient, service: Recorder) -> None:
    owner = await registering(client)()
    headers = {"X-API-Key": (await create_key(client, owner, "ingest"))["key"], "Idempotency-Key": "batch-1"}

    async def send() -> int:
        return (await client.post("/api/v1/traces", headers=headers, json={})).status_code

    service.status = 503
    assert await send() == 503
    service.status = 429
    assert await send() == 429
    service.status = 422
    assert await send() == 422
    service.status = 202
    assert await send() == 422, "what was refused for its content stays refused"


async def test_a_large_answer_passes_and_is_not_kept(client: httpx.AsyncClient, service: Recorder) -> None:
    owner = await registering(client)()
    service.answer = b"x" * 3_000_000
    headers = owner.headers | {"Idempotency-Key": "search-1"}
    for _ in range(2):
        answer = await client.post("/api/v1/dead-letters/replay", headers=headers, json={})
        assert len(answer.content) == 3_000_000
    assert len(service.seen) == 2


async def test_strangers_keys_belong_to_their_address(client: httpx.AsyncClient, database: Connection) -> None:
    body: dict[str, Any] = {
        "email": "a@example.com",
        "password": PASSWORD,
        "full_name": "x",
        "workspace_name": "y",
    }
    headers = {"Idempotency-Key": "sign-up"}
    answers = [await client.post("/api/v1/auth/register", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert await database.fetchval("select count(*) from users") == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "é"])
async def test_a_key_that_is_not_one(client: httpx.AsyncClient, key: str) -> None:
    owner = await registering(client)()
    headers = {name.encode(): value.encode("latin-1") for name, value in owner.headers.items()}
    headers[b"Idempotency-Key"] = key.encode("latin-1")
    answer = await client.post("/api/v1/api-keys", headers=headers, json={"name": "k", "scopes": ["read"]})
    assert answer.status_code == 400


async def test_without_the_store_nothing_is_done(make_settings: SettingsFactory, redis_url: str) -> None:
    settings = make_settings(redis_url="redis://127.0.0.1:9/0", redis_cache_url=redis_url)
    async with running(create_app(settings)) as app, client_of(app) as client:
        owner = await registering(client)()
        answer = await new_key(client, owner, "retry-1")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "dependency_unavailable")
        listed = await client.get("/api/v1/api-keys", headers=owner.headers)
        assert listed.json()["api_keys"] == []
