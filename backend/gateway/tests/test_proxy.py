"""What goes through to the services, and what does not."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from gateway.app.main import create_app
from gateway.tests.conftest import SettingsFactory, client_of, create_key, registering, running
from gateway.tests.servers import Recorder, serving
from shared.auth.internal import InternalTokenVerifier


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


async def test_a_request_reaches_its_service_with_a_signed_context(
    client: httpx.AsyncClient, service: Recorder, make_settings: SettingsFactory
) -> None:
    owner = await registering(client)()
    key = await create_key(client, owner, "ingest")
    answer = await client.post(
        "/api/v1/traces",
        headers={"X-API-Key": key["key"], "X-Workspace-ID": "spoofed", "X-Request-ID": "request-0001"},
        json={"trace_id": "t"},
    )
    assert answer.status_code == 202
    assert answer.headers["x-receipt-id"] == "r-1"
    assert answer.headers["x-request-id"] == "request-0001"
    assert "x-secret" not in answer.headers
    seen = service.seen[-1]
    assert (seen.method, seen.path, seen.body) == ("POST", "/api/v1/traces", b'{"trace_id":"t"}')
    assert seen.headers["x-workspace-id"] == owner.workspace_id
    assert seen.headers["x-request-id"] == "request-0001"
    assert "x-api-key" not in seen.headers
    verifier = InternalTokenVerifier(make_settings().internal_token_secret.get_secret_value(), "ingestion")
    context = verifier.verify(seen.headers["x-internal-token"], owner.workspace_id)
    assert context.scopes == {"ingest"}
    assert context.key_id == key["id"]


async def sender(client: httpx.AsyncClient) -> dict[str, str]:
    owner = await registering(client)()
    return {"X-API-Key": (await create_key(client, owner, "ingest", "read"))["key"]}


async def test_large_bodies_stream_both_ways(client: httpx.AsyncClient, service: Recorder) -> None:
    headers = await sender(client)
    service.answer = b"y" * 2_000_000

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    chunked = await client.post("/v1/traces", headers=headers, content=parts())
    declared = await client.post("/v1/traces", headers=headers, content=b"x" * 2_000_000)
    assert [len(seen.body) for seen in service.seen] == [2_000_000] * 2
    assert len(chunked.content) == len(declared.content) == 2_000_000
    assert service.seen[0].headers.get("transfer-encoding") == "chunked"
    assert service.seen[1].headers["content-length"] == "2000000"


async def test_compressed_bodies_pass_as_they_are(client: httpx.AsyncClient, service: Recorder) -> None:
    headers = await sender(client) | {"Content-Encoding": "gzip", "Content-Type": "application/x-protobuf"}
    body = gzip.compress(b"span")
    assert (await client.post("/v1/traces", headers=headers, content=body)).status_code == 202
    seen = service.seen[-1]
    assert (seen.body, seen.headers["content-encoding"], seen.headers["content-type"]) == (
        body,
        "gzip",
        "application/x-protobuf",
    )
    service.headers, service.answer = {"content-encoding": "gzip"}, body
    answer = await client.get("/api/v1/traces", headers=headers)
    assert (answer.headers["content-encoding"], answer.content) == ("gzip", b"span")


async def test_a_body_over_the_limit_is_cut_off_in_the_middle(client: httpx.AsyncClient, service: Recorder) -> None:
    headers = await sender(client)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(22):
            yield b"x" * 1_000_000

    answer = await client.post("/api/v1/traces/batch", headers=headers, content=parts())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")
    service.seen.clear()
    assert (await client.post("/api/v1/traces", headers=headers, json={})).status_code == 202


async def test_an_answer_of_a_service_passes_with_its_status_and_headers(
    client: httpx.AsyncClient, service: Recorder
) -> None:
    headers = await sender(client)
    service.status, service.answer = 429, b'{"status":"error"}'
    service.headers = {"retry-after": "3", "x-ratelimit-limit": "5", "server": "inside", "set-cookie": "a=b"}
    answer = await client.post("/api/v1/traces", headers=headers, json={})
    assert (answer.status_code, answer.content) == (429, b'{"status":"error"}')
    assert (answer.headers["retry-after"], answer.headers["x-ratelimit-limit"]) == ("3", "5")
    assert not {"server", "set-cookie"} & answer.headers.keys()


async def test_errors_at_otlp_addresses_are_otlp(client: httpx.AsyncClient) -> None:
    protobuf = await client.post("/v1/traces", content=b"x", headers={"Content-Type": "application/x-protobuf"})
    assert (protobuf.status_code, protobuf.headers["content-type"]) == (401, "application/x-protobuf")
    assert protobuf.content[:3] == b"\x08\x10\x12"
    assert protobuf.content[4:].decode().startswith("A valid API key")
    as_json = await client.post("/", json={})
    assert (as_json.status_code, as_json.json()["code"]) == (401, 16)
    flat = await client.post("/api/v1/traces", json={})
    assert flat.json()["error"]["code"] == "unauthorized"


async def test_a_service_that_is_away_is_answered_with_503(make_settings: SettingsFactory) -> None:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        headers = await sender(client)
        for _ in range(6):
            answer = await client.get("/api/v1/traces", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_unavailable")
            assert 1 <= int(answer.headers["retry-after"]) <= 3
        otlp = await client.post("/v1/traces", headers=headers, json={})
        assert (otlp.status_code, otlp.json()["code"]) == (503, 14)
        assert (await client.get("/health")).status_code == 200


async def test_a_service_comes_back(make_settings: SettingsFactory, service: Recorder) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    settings = make_settings(query_url=f"http://127.0.0.1:{port}")
    async with running(create_app(settings)) as app, client_of(app) as client:
        headers = await sender(client)
        for _ in range(4):
            assert (await client.get("/api/v1/traces", headers=headers)).status_code == 503
        async with serving(service, port):
            while (await client.get("/api/v1/traces", headers=headers)).status_code == 503:
                await asyncio.sleep(0.05)
        assert len(service.seen) == 1


async def test_a_silent_service_is_given_up(make_settings: SettingsFactory, service: Recorder) -> None:
    service.delay = 1.0
    async with serving(service) as port:
        settings = make_settings(query_url=f"http://127.0.0.1:{port}", upstream_timeout_seconds=0.2)
        async with running(create_app(settings)) as app, client_of(app) as client:
            answer = await client.get("/api/v1/traces", headers=await sender(client))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "upstream_timeout")


async def test_senders_are_not_logged_one_by_one(
    client: httpx.AsyncClient, read_log: Callable[[], list[dict[str, Any]]]
) -> None:
    headers = await sender(client)
    before = len(read_log())
    assert (await client.post("/api/v1/traces", headers=headers, json={})).status_code == 202
    assert (await client.get("/api/v1/traces", headers=headers)).status_code == 202
    assert [line["path"] for line in read_log()[before:]] == ["/api/v1/traces"]
    assert [line["method"] for line in read_log()[before:]] == ["GET"]


async def test_readiness_asks_the_services(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")
    assert (answer.status_code, set(answer.json()["checks"].values())) == (200, {"ok"})
    assert set(answer.json()["checks"]) == {"postgres", "redis", "redis_cache", "ingestion", "processing", "query"}
