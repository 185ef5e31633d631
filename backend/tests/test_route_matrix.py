"""Every route of every service, by whom it may be asked and what it shows of other workspaces: nothing."""

import asyncio
import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.app.routing import RoutingTable, Target
from gateway.tests.conftest import Account, client_of, create_key, join, registering, running
from gateway.tests.servers import serving
from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenIssuer
from shared.http.guard import iter_guards
from shared.ids import flat_span_key, span_hex
from shared.serve import SERVICES
from shared.settings import ServiceSettings
from tests.route_entries import ENTRIES, FLAT, OPERATIONAL, PRICED_MODEL, RATES, TRACE_ID, VIEW, WORKSPACES

SettingsOf = Callable[..., ServiceSettings]


def make_app(service: str, settings: ServiceSettings) -> FastAPI:
    app: FastAPI = import_module(f"{service}.app.main").create_app(settings)
    return app


@pytest.fixture
def settings_of(traces_url: str, metadata_url: str, redis_url: str) -> SettingsOf:
    common: dict[str, Any] = {
        "timescale_url": traces_url,
        "postgres_url": metadata_url,
        "redis_url": redis_url,
        "jwt_secret": secrets.token_urlsafe(40),
        "api_key_salt": secrets.token_urlsafe(40),
        "internal_token_secret": secrets.token_urlsafe(40),
        "database_pool_size": 4,
        "limit_anonymous_burst": 100_000,
    }
    own: dict[str, dict[str, Any]] = {
        "gateway": {"password_cost": 4},
        "ingestion": {"ingestion_port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0},
        "processing": {"processing_block_seconds": 0.2},
        "query": {},
    }

    def make(service: str, **changes: Any) -> ServiceSettings:
        made: ServiceSettings = import_module(f"{service}.app.config").Settings(**common, **own[service], **changes)
        return made

    return make


def test_S01_every_route_has_an_entry_that_agrees_with_its_guard(settings_of: SettingsOf) -> None:
    found: dict[tuple[str, str, str], str | None] = {}
    for service in SERVICES:
        for context, guard in iter_guards(make_app(service, settings_of(service))):
            assert guard is not None, f"{service} {context.path} has no guard"
            permission = str(guard.permission) if guard.permission is not None else None
            for method in set(context.methods or ()) - {"HEAD"}:
                found[service, method, str(context.path)] = permission
    assert sorted(found.keys() ^ ENTRIES.keys()) == [], "each route needs an entry here, and each entry a route"
    assert found == {key: entry.permission for key, entry in ENTRIES.items()}


def test_S01_the_gateway_leads_to_every_route_and_to_the_right_service() -> None:
    table = RoutingTable()
    for service, method, path in ENTRIES:
        if service == "gateway" or path in OPERATIONAL:
            continue
        sample = path.replace("{", "").replace("}", "").encode()
        target = table.find(method, sample)
        assert isinstance(target, Target), f"{method} {path} cannot be reached"
        assert target.service == service
    for path in OPERATIONAL:
        assert table.find("GET", path.encode()) is None


@dataclass
class World:
    """All services in one process, workspace A with data, and workspace B with callers."""

    client: httpx.AsyncClient
    ports: dict[str, httpx.AsyncClient]
    owner: Account
    objects: dict[str, str]
    callers: dict[str, dict[str, str]]
    other: Account

    def path(self, path: str, *, of_a: bool) -> str:
        """Return a route's path with the ids of A's objects, or with ids that nothing has."""
        names = {
            "trace_id": ("trace%20of%20A", "trace%20of%20none"),
            "span_id": (self.objects["span"], "00f067aa0ba902b7"),
            "session_id": ("session%20of%20A", "session%20of%20none"),
            "user_id": ("user%20of%20A", "user%20of%20none"),
            "receipt_id": (self.objects["receipt"], "0193fb5e-0000-7000-8000-000000000000"),
            "key_id": (self.objects["key"], str(uuid.uuid4())),
            "member_id": (self.objects["member"], str(uuid.uuid4())),
            "job_id": (self.objects["job"], str(uuid.uuid4())),
            "view_id": (self.objects["view"], str(uuid.uuid4())),
            "price_id": (self.objects["price"], "2147483647"),
            "export_id": (self.objects["export"], str(uuid.uuid4())),
        }
        return path.format(**{name: values[0 if of_a else 1] for name, values in names.items()})


@pytest.fixture
async def world(settings_of: SettingsOf) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        ports: dict[str, httpx.AsyncClient] = {}
        urls: dict[str, str] = {}
        for service in SERVICES[1:]:
            app = make_app(service, settings_of(service))
            # Serving runs start and stop as well.
            port = await stack.enter_async_context(serving(app))
            urls[f"{service}_url"] = f"http://127.0.0.1:{port}"
            ports[service] = await stack.enter_async_context(httpx.AsyncClient(base_url=urls[f"{service}_url"]))
        app = await stack.enter_async_context(running(make_app("gateway", settings_of("gateway", **urls))))
        client = await stack.enter_async_context(client_of(app))
        yield await _populate(client, ports)


async def _populate(client: httpx.AsyncClient, ports: dict[str, httpx.AsyncClient]) -> World:
    register = registering(client)
    owner, other = await register("a"), await register("b")
    member = await join(client, owner, "member")
    key = await create_key(client, owner, "ingest", "read")
    sent = await client.post("/api/v1/traces", headers={"X-API-Key": key["key"]}, json=FLAT)
    assert sent.status_code == 202, sent.text
    receipt = str(sent.json()["receipt_id"])
    for _ in range(200):
        answer = await client.get(f"/api/v1/receipts/{receipt}", headers=owner.headers)
        if answer.status_code == 200 and answer.json()["state"] == "stored":
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail(f"the trace was not stored: {answer.text}")
    callers = {"owner": other.headers}
    for role in ("admin", "member", "viewer", "billing"):
        callers[role] = (await join(client, other, role)).headers
    for scope in ("ingest", "read", "write", "admin"):
        callers[f"key {scope}"] = {"X-API-Key": (await create_key(client, other, scope))["key"]}
    job = await client.post("/api/v1/jobs", headers=owner.headers, json={"type": "cleanup"})
    assert job.status_code == 202, job.text
    view = await client.post("/api/v1/views", headers=owner.headers, json=VIEW)
    assert view.status_code == 201, view.text
    export = await client.post("/api/v1/exports", headers=owner.headers, json={"format": "csv"})
    assert export.status_code == 202, export.text
    price = await client.post("/api/v1/prices", headers=owner.headers, json={"model": PRICED_MODEL, **RATES})
    assert price.status_code == 201, price.text
    soon = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    expired = await create_key(client, other, "ingest", "read", "write", "admin", expires_at=soon)
    callers["expired key"] = {"X-API-Key": expired["key"]}
    callers["nobody"] = {}
    await asyncio.sleep(0.6)
    objects = {
        "span": span_hex(flat_span_key(TRACE_ID)),
        "receipt": receipt,
        "key": str(key["id"]),
        "member": member.user_id,
        "job": str(job.json()["data"]["id"]),
        "view": str(view.json()["data"]["id"]),
        "price": str(price.json()["data"]["id"]),
        "export": str(export.json()["data"]["id"]),
    }
    return World(client, ports, owner, objects, callers, other)


def _same(answer: httpx.Response) -> tuple[int, object]:
    """Return what two answers must have in common to tell nobody anything."""
    body = answer.json()
    return answer.status_code, body.get("error", body)


async def test_S01_objects_of_another_workspace_look_like_none(world: World) -> None:
    async def ask(method: str, path: str, headers: dict[str, str], body: Any) -> httpx.Response:
        options = {"json": body} if body is not None else {}
        return await world.client.request(method, path, headers=headers, **options)

    shown = ("traces/{trace_id}", "traces/{trace_id}/graph", "sessions/{session_id}", "users/{user_id}")
    for path in (
        *(world.path(f"/api/v1/{path}", of_a=True) for path in shown),
        f"/api/v1/receipts/{world.objects['receipt']}",
        f"/api/v1/prices/{world.objects['price']}",
    ):
        assert (await world.client.get(path, headers=world.owner.headers)).status_code == 200, "A's own does exist"
    problems = []
    for (service, method, path), entry in ENTRIES.items():
        if "{" not in path:
            continue
        for caller, headers in world.callers.items():
            theirs = await ask(method, world.path(path, of_a=True), headers, entry.body)
            random = await ask(method, world.path(path, of_a=False), headers, entry.body)
            expected = {401} if caller in ("nobody", "expired key") else {403, 404}
            if _same(theirs) != _same(random) or theirs.status_code not in expected:
                problems.append(f"{service} {method} {path} as {caller}: {theirs.status_code} {random.status_code}")
            if caller == "owner" and theirs.status_code != 404:
                problems.append(f"{service} {method} {path} as owner: {theirs.status_code} is not 404")
    assert problems == []
    path = world.path("/api/v1/traces/{trace_id}", of_a=True)
    assert (await world.client.get(path, headers=world.owner.headers)).status_code == 200
    members = (await world.client.get("/api/v1/team/members", headers=world.owner.headers)).json()["data"]
    assert {member["id"]: member["role"] for member in members}[world.objects["member"]] == "member"
    keys = (await world.client.get("/api/v1/api-keys", headers=world.owner.headers)).json()["api_keys"]
    assert [key["id"] for key in keys] == [world.objects["key"]]


async def test_S01_lists_filters_and_bodies_stay_in_the_workspace(world: World) -> None:
    client, owner = world.client, world.other.headers
    for (_, method, path), entry in ENTRIES.items():
        if entry.shows != "list":
            continue
        answer = await client.request(method, path, headers=owner)
        assert answer.status_code == 200, answer.text
        # A short number stands in many answers by chance; the model is the price's alone.
        ids = [identifier for name, identifier in world.objects.items() if name != "price"]
        for secret in (TRACE_ID, PRICED_MODEL, world.owner.email, world.owner.workspace_id, *ids):
            assert secret not in answer.text, f"{path} shows {secret}"
        for named in (world.owner.workspace_id, WORKSPACES):
            refused = await client.request(method, path, headers=owner, params={"workspace_id": named})
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "workspace_mismatch"), path
    for filters in ({"trace_id": TRACE_ID}, {"agent_id": "agent"}, {"range": "90d"}, {"user_id": world.owner.user_id}):
        answer = await client.get("/api/v1/traces", headers=owner, params=filters)
        assert (answer.status_code, answer.json()["data"]) == (200, []), filters
    foreign = FLAT | {"workspace_id": world.owner.workspace_id}
    assert (await client.post("/api/v1/traces", headers=owner, json=foreign)).status_code == 403
    spoofed = owner | {"X-Workspace-ID": world.owner.workspace_id}
    assert (await client.get("/api/v1/traces", headers=spoofed)).json()["data"] == []
    replay = await client.post("/api/v1/dead-letters/replay", headers=owner, json={"ids": [str(uuid.uuid4())]})
    assert replay.status_code in (200, 202, 404, 422)


async def test_S07_the_same_trace_id_in_two_workspaces_is_two_traces(world: World) -> None:
    key = (await create_key(world.client, world.other, "ingest", "read"))["key"]
    sent = await world.client.post(
        "/api/v1/traces", headers={"X-API-Key": key}, json=FLAT | {"agent_id": "agent of B", "output": "of B"}
    )
    assert sent.status_code == 202
    path = world.path("/api/v1/traces/{trace_id}", of_a=True)
    for _ in range(200):
        answer = await world.client.get(path, headers={"X-API-Key": key})
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.1)
    assert "agent of B" in answer.text
    mine = await world.client.get(path, headers=world.owner.headers)
    assert mine.status_code == 200
    assert "of B" not in mine.text


async def test_S08_services_answer_to_the_gateway_only(world: World, settings_of: SettingsOf) -> None:
    secret = settings_of("query").internal_token_secret.get_secret_value()
    context = AuthContext(world.owner.workspace_id, 1, "user", world.owner.user_id, role="owner")
    issuer, forger = InternalTokenIssuer(secret), InternalTokenIssuer("x" * 40)
    for (service, method, path), entry in ENTRIES.items():
        if service == "gateway" or entry.permission is None:
            continue
        spoofed: list[dict[str, str]] = [
            {},
            {WORKSPACE_HEADER: world.owner.workspace_id},
            {WORKSPACE_HEADER: world.owner.workspace_id, "X-User-ID": world.owner.user_id, "X-Role": "owner"},
            {WORKSPACE_HEADER: world.owner.workspace_id, "X-Internal": "1", TOKEN_HEADER: "1"},
            {WORKSPACE_HEADER: world.owner.workspace_id, TOKEN_HEADER: forger.issue(context, service)},
            {WORKSPACE_HEADER: world.other.workspace_id, TOKEN_HEADER: issuer.issue(context, service)},
            {TOKEN_HEADER: issuer.issue(context, service)},
            *(
                {WORKSPACE_HEADER: world.owner.workspace_id, TOKEN_HEADER: issuer.issue(context, audience)}
                for audience in SERVICES
                if audience != service
            ),
            world.owner.headers,
        ]
        for headers in spoofed:
            options = {"json": entry.body} if entry.body is not None else {}
            answer = await world.ports[service].request(method, world.path(path, of_a=True), headers=headers, **options)
            assert answer.status_code == 401, f"{service} {method} {path} with {sorted(headers)}: {answer.status_code}"


async def test_S02_services_ask_for_the_permission_of_the_table(world: World) -> None:
    allowed = {
        "ingest": {"owner", "admin", "member", "key ingest"},
        "read": {"owner", "admin", "member", "viewer", "key read"},
        "write": {"owner", "admin", "member", "key write"},
        "receipts:read": {"owner", "admin", "member", "viewer", "key read", "key ingest"},
        "admin": {"owner", "admin", "key admin"},
        "cost:read": {"owner", "admin", "member", "viewer", "billing"},
        "cost:write": {"owner", "admin", "billing"},
    }
    problems = []
    for (service, method, path), entry in ENTRIES.items():
        if service == "gateway" or entry.permission is None:
            continue
        for caller, headers in world.callers.items():
            options = {"json": entry.body} if entry.body is not None else {}
            answer = await world.client.request(method, world.path(path, of_a=False), headers=headers, **options)
            is_let_in = answer.status_code not in (401, 403)
            if is_let_in != (caller in allowed[entry.permission]):
                problems.append(f"{method} {path} as {caller}: {answer.status_code}")
    assert problems == []
