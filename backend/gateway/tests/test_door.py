"""Paths, headers and bodies that servers could read differently, over a real socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from gateway.app.main import create_app
from gateway.app.routing import RoutingTable, Target, WrongMethod
from gateway.tests.conftest import Account, SettingsFactory, client_of, create_key, registering, running
from gateway.tests.servers import Recorder, serving


@dataclass
class Stage:
    """A gateway behind a port, one recorder behind all its services, an account and a key."""

    port: int
    service: Recorder
    client: httpx.AsyncClient
    owner: Account
    key: str

    async def send(self, method: str, path: str, *headers: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send a request exactly as given and return status and whole answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: gateway.test", f"X-API-Key: {self.key}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        return await self.send_raw(head + body)

    async def send_raw(self, data: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while part := await asyncio.wait_for(reader.read(65_536), 20):
                answer += part
        writer.close()
        return int(answer.split(b" ", 2)[1]) if answer else 0, answer


@pytest.fixture
async def stage(make_settings: SettingsFactory) -> AsyncIterator[Stage]:
    service = Recorder(status=200)
    async with serving(service) as service_port:
        url = f"http://127.0.0.1:{service_port}"
        settings = make_settings(
            ingestion_url=url, processing_url=url, query_url=url, limit_admin_per_minute=60, limit_admin_burst=1_000
        )
        app = create_app(settings)
        async with running(app), serving(app) as port, client_of(app) as client:
            owner = await registering(client)()
            key = (await create_key(client, owner, "ingest", "read", "admin"))["key"]
            yield Stage(port, service, client, owner, key)


CONFUSING_PATHS = [
    "//api/v1/traces",
    "/api//v1/traces",
    "/api/v1/./traces",
    "/api/v1/../v1/traces",
    "/api/v1/traces/..",
    "/api/v1/traces/.",
    "/api/v1/%74races",
    "/api/v1%2ftraces",
    "/api/v1%2Ftraces",
    "/%2e/api/v1/traces",
    "/api/v1/traces/%2e%2e/traces",
    "/api/v1/traces/a%2Fspans",
    "/api/v1/traces/a%00b",
    "/api/v1/traces/a%5cb",
    "/api/v1/traces;x=1",
    "/api/v1/traces/abc;x=1",
    "/api/v1/traces/%zz",
    "/api/v1/traces/",
    "/API/V1/TRACES",
    "/Api/v1/traces",
    "/api/v1/traces\\..\\x",
    "/api/v1/tracesx",
    "/api/v1",
    "/api/v1/workspace/",
    "//api/v1/workspace",
    "/api/v1/%77orkspace",
    "/api/v1/workspace%2f",
    "/api/v1/x/../workspace",
    "/api/v1/team/members/%2e%2e",
    "/docs",
    "/redoc",
    "/docs/",
    "/static/../openapi.json",
    "/.git/config",
    "/debug",
    "/admin",
    "/api/v1/traces/a/b/c/d",
]


@pytest.mark.parametrize("path", CONFUSING_PATHS)
async def test_S09_paths_that_could_be_read_differently_lead_nowhere(stage: Stage, path: str) -> None:
    status, answer = await stage.send("GET", path)
    assert status in (400, 404), answer
    assert stage.service.seen == []


async def test_S09_other_methods_meet_the_same_rules(stage: Stage) -> None:
    for method, path in (("HEAD", "/api/v1/workspace"), ("TRACE", "/api/v1/traces"), ("OPTIONS", "/api/v1/traces")):
        assert (await stage.send(method, path))[0] == 405
    assert (await stage.send("PATCH", "/api/v1/workspace"))[0] == 405
    assert (await stage.send("DELETE", "/api/v1/traces"))[0] == 405
    for override in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        assert (await stage.send("GET", "/api/v1/traces/abc", f"{override}: DELETE"))[0] == 200
        seen = stage.service.seen[-1]
        assert seen.method == "GET"
        assert override.lower() not in seen.headers
    status, answer = await stage.send("PUT", "/api/v1/traces")
    assert (status, b"allow: GET, POST" in answer) == (405, True)


async def test_S09_ids_in_paths_reach_the_service_as_sent(stage: Stage) -> None:
    for path in ("/api/v1/traces/a%20b", "/api/v1/traces/UPPER.case:1", "/api/v1/traces/%E2%82%AC"):
        assert (await stage.send("GET", f"{path}?limit=5&metadata.k=a%2Fb"))[0] == 200
        assert (stage.service.seen[-1].path, stage.service.seen[-1].query) == (path, "limit=5&metadata.k=a%2Fb")


async def test_S09_a_web_socket_finds_no_way_in(stage: Stage) -> None:
    for path in ("/api/v1/traces", "/ws/any", "/"):
        lines = [
            f"GET {path} HTTP/1.1",
            "Host: gateway.test",
            f"X-API-Key: {stage.key}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        status, _ = await stage.send_raw("\r\n".join([*lines, "", ""]).encode())
        assert status in (403, 404)
    assert stage.service.seen == []


async def test_S08_spoofed_headers_go_no_further(stage: Stage) -> None:
    spoofed = {
        "X-Workspace-ID": "11111111-1111-1111-1111-111111111111",
        "X-User-ID": "root",
        "X-Role": "owner",
        "X-Internal": "1",
        "X-Internal-Token": "abc.def.ghi",
        "X-Forwarded-For": "10.0.0.1",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "for=10.0.0.1",
        "Cookie": "session=1",
    }
    status, _ = await stage.send("GET", "/api/v1/traces", *(f"{name}: {value}" for name, value in spoofed.items()))
    assert status == 200
    seen = stage.service.seen[-1].headers
    assert seen["x-workspace-id"] == stage.owner.workspace_id
    assert seen["x-internal-token"] != "abc.def.ghi"
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert not seen.keys() & {
        "x-user-id",
        "x-role",
        "x-internal",
        "x-forwarded-host",
        "forwarded",
        "cookie",
        "x-api-key",
    }


async def test_S08_headers_alone_are_no_credential(stage: Stage) -> None:
    for headers in ({"X-Workspace-ID": stage.owner.workspace_id}, {"X-Internal-Token": "x", "X-Role": "owner"}):
        for path in ("/api/v1/traces", "/api/v1/workspace"):
            assert (await stage.client.get(path, headers=headers)).status_code == 401
    assert stage.service.seen == []


async def test_S56_only_json_is_read_here(stage: Stage) -> None:
    json_body = b'{"email":"a@example.com","password":"x"}'
    kinds = (
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/xml",
    )
    for kind in kinds:
        assert (await stage.send("POST", "/api/v1/auth/login", f"Content-Type: {kind}", body=json_body))[0] == 415
    assert (await stage.send("POST", "/api/v1/auth/login", body=json_body))[0] == 415
    zipped = ("Content-Type: application/json", "Content-Encoding: gzip")
    assert (await stage.send("POST", "/api/v1/auth/login", *zipped, body=json_body))[0] == 415
    ranged = ("Range: bytes=0-1", "Content-Type: application/json; charset=utf-8")
    assert (await stage.send("POST", "/api/v1/auth/login", *ranged, body=json_body))[0] == 401


async def test_S56_heads_and_bodies_are_bounded(stage: Stage) -> None:
    assert (await stage.send("GET", "/api/v1/workspace", "Cookie: " + "a" * 40_000))[0] == 431
    assert (await stage.send("GET", "/api/v1/workspace", *(f"X-H{n}: {'b' * 100}" for n in range(400))))[0] == 431
    endless = b"GET / HTTP/1.1\r\nX-Long: " + b"a" * 2_000_000
    assert (await stage.send_raw(endless))[0] in (0, 400)
    large = b'{"email":"' + b"a" * 2_000_000
    assert (await stage.send("POST", "/api/v1/auth/login", "Content-Type: application/json", body=large))[0] == 413
    chunk = b"%x\r\n%s\r\n" % (65_536, b"a" * 65_536)
    head = (
        b"POST /api/v1/auth/login HTTP/1.1\r\nHost: gateway.test\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    assert (await stage.send_raw(head + chunk * 20))[0] == 413
    declared = f"Content-Length: {30 * 1024 * 1024}"
    assert (await stage.send("POST", "/api/v1/traces", declared))[0] == 413
    assert (await stage.send("GET", "/api/v1/nothing", declared))[0] in (404, 413)
    status, answer = await stage.send("POST", "/v1/traces", declared, "Content-Type: application/x-protobuf")
    assert (status, b"application/x-protobuf" in answer, b'"error"' in answer) == (413, True, False)
    assert stage.service.seen == []


async def test_S56_deep_and_odd_json_is_refused(stage: Stage) -> None:
    for body in (b"[" * 100_000, b'{"email":' * 50_000, b'{"email": NaN}', b'{"email": 1e999999}', b"\x00" * 100):
        status, answer = await stage.send("POST", "/api/v1/auth/login", "Content-Type: application/json", body=body)
        assert status in (400, 422), answer[:300]
        assert b"Traceback" not in answer


async def test_S54_pipelined_requests_are_each_counted(stage: Stage) -> None:
    one = f"GET /api/v1/workspace HTTP/1.1\r\nHost: x\r\nX-API-Key: {stage.key}\r\n\r\n".encode()
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    _, answer = await stage.send_raw(one * 4 + last)
    left = [int(line.split(b":")[1]) for line in answer.split(b"\r\n") if line.startswith(b"x-ratelimit-remaining")]
    assert len(left) == 5
    assert left[0] - left[-1] == 4


@pytest.mark.parametrize(
    ("method", "path", "service"),
    [
        ("POST", b"/", "ingestion"),
        ("POST", b"/v1/traces", "ingestion"),
        ("POST", b"/v1/traces/v1/traces", "ingestion"),
        ("POST", b"/api/public/otel/v1/traces", "ingestion"),
        ("POST", b"/otel/v1/traces", "ingestion"),
        ("POST", b"/v1/logs", "ingestion"),
        ("POST", b"/v1/metrics", "ingestion"),
        ("POST", b"/api/v1/traces/otlp", "ingestion"),
        ("POST", b"/api/v1/traces", "ingestion"),
        ("GET", b"/api/v1/traces", "query"),
        ("GET", b"/api/v1/traces/x/spans/y", "query"),
        ("GET", b"/api/v1/receipts/x", "processing"),
        ("POST", b"/api/v1/dead-letters/replay", "processing"),
    ],
)
def test_each_address_has_its_service(method: str, path: bytes, service: str) -> None:
    target = RoutingTable().find(method, path)
    assert isinstance(target, Target)
    assert target.service == service


def test_unknown_addresses_and_methods() -> None:
    table = RoutingTable()
    assert table.find("GET", b"/api/v1/nothing") is None
    assert table.find("GET", b"/api/v1/traces/") is None
    assert table.find("PATCH", b"/api/v1/traces") == WrongMethod(("GET", "POST"))
