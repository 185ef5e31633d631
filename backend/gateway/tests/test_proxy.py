"""What goes through to the services, and what does not."""

from collections.abc import AsyncIterator

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
