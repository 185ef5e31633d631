"""Sending the invented traffic to a gateway: overload, refusal, repetition, and the demo that is made once."""

import asyncio
import json
import stat
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from db.generate import Traffic
from db.generate.demo import demo_file, make_demo
from db.generate.requests import FLAT_PATH, OTLP_PATH, build_requests
from db.generate.sender import Sender, SendError

UNTIL_NS = 1_795_000_000_000_000_000
EMAIL = "demo@example.com"


class Gateway:
    """The routes of the gateway that the generator uses; stores what it is sent by trace id."""

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.keys: list[str] = []
        self.traces: set[str] = set()
        self.annotations: set[str] = set()
        self.received: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.answers: list[web.Response] = []
        self.most_at_once = 0
        self._at_once = 0

    def application(self) -> web.Application:
        application = web.Application(client_max_size=20 * 1024 * 1024)
        application.router.add_post("/api/v1/auth/login", self.login)
        application.router.add_post("/api/v1/auth/register", self.register)
        application.router.add_post("/api/v1/api-keys", self.create_key)
        application.router.add_get("/api/v1/traces", self.list_traces)
        application.router.add_get("/api/v1/receipts/{receipt}", self.receipt)
        for path in (OTLP_PATH, FLAT_PATH, "/api/v1/feedback", "/api/v1/scores", "/api/v1/outcomes"):
            application.router.add_post(path, self.take)
        return application

    async def login(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.users.get(body["email"]) != body["password"]:
            return web.json_response({"error": {"message": "wrong"}}, status=401)
        return self._session(body["email"])

    async def register(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["email"] in self.users:
            return web.json_response({"error": {"message": "taken"}}, status=409)
        self.users[body["email"]] = body["password"]
        return self._session(body["email"], status=201)

    def _session(self, email: str, status: int = 200) -> web.Response:
        body = {"access_token": f"token-{email}", "workspace": {"id": f"workspace-{id(self)}"}}
        return web.json_response(body, status=status)

    async def create_key(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"].startswith("Bearer token-")
        assert "ingest" in (await request.json())["scopes"]
        self.keys.append(f"ao_live_{len(self.keys)}")
        return web.json_response({"id": "1", "key": self.keys[-1]}, status=201)

    async def list_traces(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"].startswith("Bearer token-")
        return web.json_response({"status": "success", "data": sorted(self.traces)[: int(request.query["limit"])]})

    async def receipt(self, request: web.Request) -> web.Response:
        receipt = request.match_info["receipt"]
        self.asked[receipt] += 1
        state = "queued" if self.asked[receipt] == 1 else "stored"
        return web.json_response({"state": state, "duplicate": 0})

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"].removeprefix("Bearer ") in self.keys
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        body = await request.read()
        await asyncio.sleep(0)
        self._at_once -= 1
        if self.answers:
            return self.answers.pop()
        self.received[request.path] += 1
        if request.path == OTLP_PATH:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    self.traces |= {span.trace_id.hex() for span in scope.spans}
        elif request.path == FLAT_PATH:
            self.traces |= {item["trace_id"] for item in json.loads(body)["traces"]}
        else:
            self.annotations.add(request.headers["Idempotency-Key"])
        return web.Response(headers={"X-Receipt-ID": f"r{self.received.total()}"})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest_asyncio.fixture
async def url(gateway: Gateway) -> AsyncIterator[str]:
    async with TestServer(gateway.application()) as server:
        yield str(server.make_url("/"))


def nothing(_: int) -> None:
    return None


async def test_everything_arrives_and_is_waited_for(gateway: Gateway, url: str) -> None:
    gateway.keys.append("k")
    steps: list[int] = []
    async with Sender(url, "k", concurrency=3) as sender:
        sent = await sender.send(build_requests(Traffic(200, 1, UNTIL_NS)), steps.append)
        await sender.wait_until_stored(sent, nothing)
    expected = [trace for trace, _ in Traffic(200, 1, UNTIL_NS)]
    assert gateway.traces == {trace.trace_id for trace in expected}
    assert sum(steps) == sent.traces == 200
    assert sent.states == {"stored": sent.requests}
    assert gateway.most_at_once <= 3


@pytest.mark.parametrize("status", [429, 503])
async def test_overload_is_waited_out(gateway: Gateway, url: str, status: int) -> None:
    gateway.keys.append("k")
    gateway.answers = [web.Response(status=status, headers={"Retry-After": "0"}) for _ in range(5)]
    async with Sender(url, "k") as sender:
        sent = await sender.send(build_requests(Traffic(60, 1, UNTIL_NS)), nothing)
    assert sent.traces == 60
    assert gateway.answers == []
    assert gateway.traces == {trace.trace_id for trace, _ in Traffic(60, 1, UNTIL_NS)}


async def test_a_refusal_ends_sending_with_its_reason(gateway: Gateway, url: str) -> None:
    gateway.keys.append("k")
    gateway.answers = [web.Response(status=403, text="scope ingest is missing")]
    async with Sender(url, "k") as sender:
        with pytest.raises(SendError, match="scope ingest is missing"):
            await sender.send(build_requests(Traffic(500, 1, UNTIL_NS)), nothing)


async def test_receipts_that_never_settle_end_the_wait(gateway: Gateway, url: str) -> None:
    gateway.keys.append("k")
    async with Sender(url, "k") as sender:
        sent = await sender.send(build_requests(Traffic(5, 1, UNTIL_NS)), nothing)
        with pytest.raises(SendError, match="still queued"):
            await sender.wait_until_stored(sent, nothing, seconds=0.0)


async def test_the_demo_is_made_once(
    gateway: Gateway, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "data" / "demo.json"
    assert await make_demo(url, file, EMAIL, 120, 1, 4)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    received, traces = gateway.received.copy(), set(gateway.traces)
    assert len(traces) == 120
    assert not await make_demo(url, file, EMAIL, 120, 1, 4)
    assert (gateway.received, gateway.traces, len(gateway.keys)) == (received, traces, 1)
    printed = capsys.readouterr().out
    assert printed.count(EMAIL) == 2
    assert printed.count(gateway.users[EMAIL]) == 2


async def test_an_interrupted_demo_goes_on_with_the_same_traces(gateway: Gateway, url: str, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    gateway.answers = [web.Response(status=403)]
    with pytest.raises(SendError):
        await make_demo(url, file, EMAIL, 200, 1, 1)
    anchor = json.loads(file.read_text())["until_ns"]
    assert await make_demo(url, file, EMAIL, 200, 1, 1)
    assert gateway.traces == {trace.trace_id for trace, _ in Traffic(200, 1, anchor)}
    keys = [request.idempotency_key for request in build_requests(Traffic(200, 1, anchor)) if request.idempotency_key]
    assert gateway.annotations == set(keys)


async def test_a_lost_database_is_filled_again(gateway: Gateway, url: str, tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    await make_demo(url, file, EMAIL, 20, 1, 1)
    gateway.users.clear()
    gateway.traces.clear()
    assert await make_demo(url, file, EMAIL, 20, 1, 1)
    assert len(gateway.traces) == 20


async def test_a_user_of_somebody_else_is_left_alone(gateway: Gateway, url: str, tmp_path: Path) -> None:
    gateway.users[EMAIL] = "another password"
    with pytest.raises(SendError, match="exists"):
        await make_demo(url, tmp_path / "demo.json", EMAIL, 20, 1, 1)


async def test_a_gateway_that_is_down_is_named(tmp_path: Path) -> None:
    with pytest.raises(SendError, match="does not answer"):
        await make_demo("http://127.0.0.1:1", tmp_path / "demo.json", EMAIL, 20, 1, 1)


def test_the_file_lies_in_the_data_folder(tmp_path: Path) -> None:
    assert demo_file({"AGENTOBS_DATA_DIR": str(tmp_path)}) == tmp_path / "demo.json"
    assert demo_file({}).parts[-2:] == (".data", "demo.json")
