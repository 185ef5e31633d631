import base64
import gzip
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import zstandard
from fastapi import FastAPI
from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingestion.app.routes.otlp import LOGS_PATHS, METRICS_PATHS, TRACES_PATHS
from ingestion.tests.conftest import Queue, Workspace, client_of, make_workspace
from shared.auth.context import AuthContext
from shared.auth.internal import InternalTokenIssuer
from shared.tests.otlp.messages import log, logs, span, traces

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
INTERNAL_SECRET = "internal-for-tests-0123456789abcdef"


def zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(body)


def raw_deflate(body: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(body) + compressor.flush()


@pytest.mark.parametrize("path", TRACES_PATHS)
async def test_traces_are_taken_at_every_address(client: httpx.AsyncClient, queue: Queue, path: str) -> None:
    body = traces(span(), span(span_id=b"another!")).SerializeToString()
    answer = await client.post(path, content=body, headers=PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    accepted = await queue.one()
    assert accepted.body == body
    assert accepted.request.receipt_id == answer.headers["x-receipt-id"]
    assert accepted.request.request_id == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", LOGS_PATHS)
async def test_logs_are_taken_at_every_address(client: httpx.AsyncClient, queue: Queue, path: str) -> None:
    answer = await client.post(path, content=logs(log()).SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 200
    assert (await queue.one()).request.format == "otlp_logs"


@pytest.mark.parametrize("path", METRICS_PATHS)
async def test_metrics_are_accepted_and_dropped(client: httpx.AsyncClient, queue: Queue, path: str) -> None:
    for headers, expected in ((PROTOBUF, b""), (JSON, b"{}")):
        answer = await client.post(path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.content) == (200, expected)
    assert await queue.requests() == []


async def test_the_entry_says_what_processing_must_know(
    client: httpx.AsyncClient, queue: Queue, workspace: Workspace, key: str
) -> None:
    body = traces(span(), span(trace_id=b""), span(start_time_unix_nano=5)).SerializeToString()
    await client.post("/v1/traces", content=body, headers=PROTOBUF)
    request = (await queue.one()).request
    assert (request.workspace, request.workspace_id) == (workspace.workspace_id, workspace.number)
    assert request.key_id == workspace.keys[key]
    assert (request.received, request.retention_days) == (3, 90)
    assert request.rejected == {"invalid_trace_id": 1, "start_time_too_old": 1}
    assert len(request.digest or "") == 32
    assert await queue.client.hgetall("traces:pending:backlog") == {
        b"entries": b"1",
        b"items": b"3",
        b"bytes": str(len((await queue.client.xrange("traces:pending"))[0][1][b"d"])).encode(),  # type: ignore[index]
    }


@pytest.mark.parametrize("content_type", ["application/protobuf", "application/x-protobuf; charset=binary"])
async def test_protobuf_by_other_names(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post(
        "/v1/traces", content=traces(span()).SerializeToString(), headers={"Content-Type": content_type}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_answered_in_json(client: httpx.AsyncClient, queue: Queue, content_type: str) -> None:
    body = MessageToJson(traces(span(), span(trace_id=b""))).encode()
    answer = await client.post("/v1/traces", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    accepted = await queue.one()
    assert (accepted.request.format, accepted.body) == ("otlp_traces_json", body)


async def test_partial_success_is_set_only_when_something_was_refused(client: httpx.AsyncClient) -> None:
    body = traces(span(), span(span_id=bytes(8)), span(end_time_unix_nano=2**63)).SerializeToString()
    answer = ExportTraceServiceResponse.FromString(
        (await client.post("/v1/traces", content=body, headers=PROTOBUF)).content
    )
    assert answer.partial_success.rejected_spans == 2
    assert "invalid_span_id" in answer.partial_success.error_message
    body = logs(log(trace_id=b""), log()).SerializeToString()
    logs_answer = ExportLogsServiceResponse.FromString(
        (await client.post("/v1/logs", content=body, headers=PROTOBUF)).content
    )
    assert logs_answer.partial_success.rejected_log_records == 1


@pytest.mark.parametrize(("headers", "body"), [(PROTOBUF, b""), (JSON, b"{}"), (JSON, b'{"resourceSpans":[]}')])
async def test_an_empty_request_is_fine(client: httpx.AsyncClient, headers: dict[str, str], body: bytes) -> None:
    answer = await client.post("/v1/traces", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["x-receipt-id"]


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("zstd", zstd),
        ("GZIP", gzip.compress),
        ("identity", bytes),
        ("x-gzip", gzip.compress),
    ],
)
async def test_encodings(
    client: httpx.AsyncClient, queue: Queue, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = traces(*[span(name=f"span {index}") for index in range(200)]).SerializeToString()
    headers = {**PROTOBUF, "Content-Encoding": encoding}
    assert (await client.post("/v1/traces", content=compress(body), headers=headers)).status_code == 200
    assert (await queue.one()).body == body


async def test_members_of_gzip_follow_each_other(client: httpx.AsyncClient, queue: Queue) -> None:
    body = traces(span()).SerializeToString()
    packed = gzip.compress(body[:20]) + gzip.compress(body[20:])
    headers = {**PROTOBUF, "Content-Encoding": "gzip"}
    assert (await client.post("/v1/traces", content=packed, headers=headers)).status_code == 200
    assert (await queue.one()).body == body


async def test_chunked_bodies(client: httpx.AsyncClient, queue: Queue) -> None:
    body = traces(span(name="x" * 5000)).SerializeToString()

    async def chunks() -> Any:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    assert (await client.post("/v1/traces", content=chunks(), headers=PROTOBUF)).status_code == 200
    assert (await queue.one()).body == body


class TestCredentials:
    @pytest.fixture
    async def anonymous(self, app: FastAPI) -> Any:
        async with client_of(app, None) as client:
            yield client

    @pytest.mark.parametrize(
        "form",
        [
            lambda key: {"Authorization": f"Bearer {key}"},
            lambda key: {"authorization": f"bearer  {key}"},
            lambda key: {"Authorization": key},
            lambda key: {"X-API-Key": key},
            lambda key: {"Authorization": "Basic " + base64.b64encode(f"pk-lf-1:{key}".encode()).decode()},
            lambda key: {"Authorization": "Basic " + base64.b64encode(f"{key}:".encode()).decode()},
        ],
        ids=["bearer", "bearer in lower case", "raw", "x-api-key", "basic password", "basic user"],
    )
    async def test_a_key_is_accepted_in_every_form(
        self, anonymous: httpx.AsyncClient, key: str, form: Callable[[str], dict[str, str]]
    ) -> None:
        body = traces(span()).SerializeToString()
        assert (await anonymous.post("/v1/traces", content=body, headers={**PROTOBUF, **form(key)})).status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer ao_live_wrong"},
            {"Authorization": "Basic !!"},
            {"Authorization": "Digest x"},
            {"Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"},
            {"X-Workspace-ID": "11111111-1111-1111-1111-111111111111", "X-Internal": "1"},
            {"X-Internal-Token": "x"},
        ],
    )
    async def test_S08_without_a_valid_credential_nothing_is_taken(
        self, anonymous: httpx.AsyncClient, queue: Queue, headers: dict[str, str]
    ) -> None:
        answer = await anonymous.post("/v1/traces", content=b"", headers={**PROTOBUF, **headers})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert await queue.requests() == []

    async def test_S17_a_key_without_the_scope_is_refused(
        self, anonymous: httpx.AsyncClient, workspace: Workspace
    ) -> None:
        key = await workspace.add_key("read", "write", "admin")
        answer = await anonymous.post("/v1/traces", content=b"", headers={**PROTOBUF, "X-API-Key": key})
        assert answer.status_code == 403

    async def test_the_gateways_token_speaks_for_a_user(
        self, anonymous: httpx.AsyncClient, queue: Queue, workspace: Workspace
    ) -> None:
        context = AuthContext(
            workspace.workspace_id, workspace.number, "user", str(workspace.user_id), role="member", retention_days=30
        )
        token = InternalTokenIssuer(INTERNAL_SECRET).issue(context, "ingestion")
        headers = {**PROTOBUF, "X-Internal-Token": token, "X-Workspace-ID": workspace.workspace_id}
        body = traces(span()).SerializeToString()
        assert (await anonymous.post("/v1/traces", content=body, headers=headers)).status_code == 200
        request = (await queue.one()).request
        assert (request.workspace_id, request.key_id, request.retention_days) == (workspace.number, None, 30)

    async def test_S08_a_token_for_another_service_or_workspace_is_refused(
        self, anonymous: httpx.AsyncClient, workspace: Workspace, metadata_url: str
    ) -> None:
        other = await make_workspace(metadata_url)
        context = AuthContext(workspace.workspace_id, workspace.number, "user", str(workspace.user_id), role="member")
        issuer = InternalTokenIssuer(INTERNAL_SECRET)
        for audience, named in (("query", workspace.workspace_id), ("ingestion", other.workspace_id)):
            headers = {"X-Internal-Token": issuer.issue(context, audience), "X-Workspace-ID": named}
            answer = await anonymous.post("/v1/traces", content=b"", headers={**PROTOBUF, **headers})
            assert answer.status_code == 401

    async def test_another_workspace_in_the_address_is_refused(
        self, client: httpx.AsyncClient, workspace: Workspace
    ) -> None:
        other = "/v1/traces?workspace_id=11111111-1111-1111-1111-111111111111"
        assert (await client.post(other, content=b"", headers=PROTOBUF)).status_code == 403
        own = f"/v1/traces?workspace_id={workspace.workspace_id}&token=abc"
        assert (await client.post(own, content=b"", headers=PROTOBUF)).status_code == 200

    async def test_F49_strangers_are_limited_by_address(self, start_app: Any, key: str) -> None:
        app = await start_app(limit_anonymous_per_minute=1, limit_anonymous_burst=3)
        async with client_of(app, None) as anonymous:
            statuses = [
                (await anonymous.post("/v1/traces", content=b"", headers=PROTOBUF)).status_code for _ in range(5)
            ]
            assert statuses == [401, 401, 401, 429, 429]
            answer = await anonymous.post("/v1/traces", content=b"", headers={**PROTOBUF, "X-API-Key": key})
            assert answer.status_code == 200


class TestErrors:
    async def test_protobuf_requests_get_a_protobuf_status(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/traces", content=b"\x0a\xff", headers=PROTOBUF)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert answer.content.startswith(b"\x08\x03\x12")

    async def test_json_requests_get_a_json_status(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/traces", content=b'{"resourceSpans": [', headers=JSON)
        assert answer.status_code == 400
        assert answer.json()["code"] == 3
        assert answer.json()["message"]

    async def test_F45_logs_at_the_address_of_traces(self, client: httpx.AsyncClient, queue: Queue) -> None:
        answer = await client.post("/v1/traces", content=logs(log()).SerializeToString(), headers=PROTOBUF)
        assert answer.status_code == 400
        assert b"/v1/logs" in answer.content
        assert await queue.requests() == []

    @pytest.mark.parametrize("path", ["/v1/trace", "/v1/traces/", "/v1", "//v1/traces", "/v2/traces", "/V1/TRACES"])
    async def test_other_addresses_name_the_right_one(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.post(httpx.URL("http://ingestion").copy_with(raw_path=path.encode()), content=b"")
        assert answer.status_code == 404
        assert "/v1/traces" in answer.json()["error"]["message"]

    async def test_other_methods(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/v1/traces")).status_code == 405

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data; boundary=x", "application/grpc", ""])
    async def test_S56_other_content_types_are_refused(self, client: httpx.AsyncClient, content_type: str) -> None:
        for path in ("/v1/traces", "/api/v1/traces"):
            headers = {"Content-Type": content_type} if content_type else {}
            assert (await client.post(path, content=b"{}", headers=headers)).status_code == 415

    @pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "compress"])
    async def test_other_encodings_are_refused(self, client: httpx.AsyncClient, encoding: str) -> None:
        headers = {**PROTOBUF, "Content-Encoding": encoding}
        assert (await client.post("/v1/traces", content=b"", headers=headers)).status_code == 415
