"""What holds while parts are away, slow, or flooded."""

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.app.main import create_app
from gateway.tests.conftest import (
    PASSWORD,
    Account,
    Register,
    SettingsFactory,
    client_of,
    create_key,
    join,
    registering,
    running,
)
from launcher.valkey import EmbeddedValkey
from shared.auth.keys import generate_key
from shared.auth.verdicts import VerdictCache
from shared.database import Connection
from shared.errors import UnauthorizedError

STRANGER = ("203.0.113.77", 50_000)


@pytest.fixture
def cache_server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    server = EmbeddedValkey(tmp_path / "cache", port, secrets.token_hex(16), appendfsync="no")
    server.start()
    yield server
    server.stop()


def kill(server: EmbeddedValkey) -> None:
    assert server.process is not None
    os.killpg(os.getpgid(server.process.pid), signal.SIGKILL)
    server.process.wait()


async def test_F08_without_the_cache_access_is_decided_and_guessing_is_slowed(
    make_settings: SettingsFactory, cache_server: EmbeddedValkey
) -> None:
    settings = make_settings(redis_cache_url=cache_server.url(), limit_viewer_per_minute=1, limit_viewer_burst=20)
    async with running(create_app(settings)) as app, client_of(app) as client, client_of(app, STRANGER) as stranger:
        owner = await registering(client)()
        viewer = await join(client, owner, "viewer")
        key = await create_key(client, owner, "admin")
        headers = {"X-API-Key": key["key"]}
        assert (await client.get("/api/v1/workspace", headers=headers)).status_code == 200
        kill(cache_server)
        assert (await client.get("/api/v1/workspace", headers=headers)).status_code == 200
        guesses = [
            await stranger.post("/api/v1/auth/login", json={"email": owner.email, "password": f"guess {number}"})
            for number in range(12)
        ]
        assert [answer.status_code for answer in guesses] == [401] * 10 + [429] * 2
        seen = [(await client.get("/api/v1/workspace", headers=viewer.headers)).status_code for _ in range(22)]
        assert seen == [200] * 20 + [429] * 2
        revoked = await client.delete(f"/api/v1/api-keys/{key['id']}", headers=owner.headers)
        assert revoked.status_code == 204
        assert (await client.get("/api/v1/workspace", headers=headers)).status_code == 401
        cache_server.start()
        await asyncio.sleep(1.1)
        assert (await client.get("/api/v1/workspace", headers=headers)).status_code == 401
        logged_in = await client.post("/api/v1/auth/login", json={"email": owner.email, "password": PASSWORD})
        assert logged_in.status_code == 200


async def test_without_the_database_known_credentials_stay_valid_and_others_wait(
    make_settings: SettingsFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(create_app(make_settings())) as app, client_of(app) as client:
        owner = await registering(client)()
        known, unused = [(await create_key(client, owner, "read"))["key"] for _ in range(2)]
        authenticator = app.state.gateway.authenticator
        assert (await client.get("/api/v1/traces", headers={"X-API-Key": known})).status_code == 503
        assert (await client.get("/api/v1/traces", headers=owner.headers)).status_code == 503

        async def away(*_: object, **__: object) -> Any:
            raise ConnectionRefusedError

        pool = type("Pool", (), {"fetch": away, "execute": away})()
        monkeypatch.setattr(authenticator._keys, "_pool", pool)
        monkeypatch.setattr(authenticator._sessions, "_pool", pool)
        await app.state.gateway.epoch.advance()
        for headers, code in (
            ({"X-API-Key": known}, "upstream_unavailable"),
            (owner.headers, "upstream_unavailable"),
            ({"X-API-Key": unused}, "unavailable"),
            ({"X-API-Key": generate_key()}, "unavailable"),
        ):
            answer = await client.get("/api/v1/traces", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, code)
            assert int(answer.headers["retry-after"]) >= 1


Withdraw = Callable[[httpx.AsyncClient, Account, Account, dict[str, Any], Connection], Awaitable[None]]


async def revoke_key(
    client: httpx.AsyncClient, owner: Account, _: Account, key: dict[str, Any], __: Connection
) -> None:
    assert (await client.delete(f"/api/v1/api-keys/{key['id']}", headers=owner.headers)).status_code == 204


async def remove_member(
    client: httpx.AsyncClient, owner: Account, member: Account, _: dict[str, Any], __: Connection
) -> None:
    path = f"/api/v1/team/members/{member.user_id}"
    assert (await client.delete(path, headers=owner.headers)).status_code == 200


async def lower_role(
    client: httpx.AsyncClient, owner: Account, member: Account, _: dict[str, Any], __: Connection
) -> None:
    path = f"/api/v1/team/members/{member.user_id}/role"
    assert (await client.put(path, headers=owner.headers, json={"role": "viewer"})).status_code == 200


async def delete_workspace(
    client: httpx.AsyncClient, owner: Account, _: Account, __: dict[str, Any], ___: Connection
) -> None:
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200


async def log_out(client: httpx.AsyncClient, _: Account, member: Account, __: dict[str, Any], ___: Connection) -> None:
    assert (await client.post("/api/v1/auth/logout", headers=member.headers)).status_code == 204


@pytest.mark.parametrize(
    ("withdraw", "by_key"),
    [
        (revoke_key, True),
        (delete_workspace, True),
        (delete_workspace, False),
        (remove_member, False),
        (lower_role, False),
        (log_out, False),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
async def test_F46_access_ends_for_every_request_that_starts_after_it_was_withdrawn(
    make_settings: SettingsFactory, database: Connection, withdraw: Withdraw, by_key: bool
) -> None:
    # A lowered role has a lower limit, which is not what is looked for here.
    settings = make_settings(limit_viewer_per_minute=100_000, limit_viewer_burst=100_000)
    async with AsyncExitStack() as stack:
        apps: list[FastAPI] = [await stack.enter_async_context(running(create_app(settings))) for _ in range(3)]
        clients = [await stack.enter_async_context(client_of(app)) for app in apps]
        owner = await registering(clients[0])()
        member = await join(clients[0], owner, "member")
        key = await create_key(clients[0], owner, "admin")
        # A member may see API keys and a viewer may not, so this address answers to a lowered role as well.
        path, headers = (
            ("/api/v1/workspace", {"X-API-Key": key["key"]}) if by_key else ("/api/v1/api-keys", member.headers)
        )
        for app in apps:
            epoch = app.state.gateway.epoch
            epoch.advance = _paused(epoch.advance)
        answers: list[tuple[float, float, int]] = []
        stop = asyncio.Event()

        async def ask(client: httpx.AsyncClient) -> None:
            while not stop.is_set():
                started = time.monotonic()
                status = (await client.get(path, headers=headers)).status_code
                answers.append((started, time.monotonic(), status))

        tasks = [asyncio.create_task(ask(clients[number % 3])) for number in range(20)]
        while len(answers) < 20:
            await asyncio.sleep(0.1)
        began = time.monotonic()
        await withdraw(clients[1], owner, member, key, database)
        returned = time.monotonic()
        await asyncio.sleep(0.7)
        stop.set()
        await asyncio.gather(*tasks)
    before = [status for _, answered, status in answers if answered < began]
    after = [status for started, _, status in answers if started >= returned]
    assert len(before) >= 20
    assert set(before) == {200}
    assert len(after) >= 20
    assert set(after) <= {401, 403}


def _paused(advance: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    async def paused() -> None:
        await asyncio.sleep(0.3)
        await advance()

    return paused


async def test_F49_a_flood_of_unknown_keys_is_bounded_and_hurts_nobody_else(
    app: FastAPI, client: httpx.AsyncClient, register: Register
) -> None:
    owner = await register()
    key = (await create_key(client, owner, "admin"))["key"]
    verifier = app.state.gateway.authenticator._keys
    statements = 0
    fetch = verifier._pool.fetch

    async def counted(*arguments: Any) -> Any:
        nonlocal statements
        statements += 1
        return await fetch(*arguments)

    verifier._pool = type("Pool", (), {"fetch": staticmethod(counted), "execute": verifier._pool.execute})()

    async def refused(text: str) -> bool:
        try:
            await verifier.verify(text)
        except UnauthorizedError:
            return True
        return False

    for _ in range(40):
        flood = asyncio.gather(*(refused(generate_key()) for _ in range(500)))
        valid = await client.get("/api/v1/workspace", headers={"X-API-Key": key})
        assert valid.status_code == 200
        assert all(await flood)
    assert statements <= 40 * 3 + 1
    cache: VerdictCache[Any] = verifier._verdicts
    assert len(cache._refused) == 20_000
    assert len(cache._known) <= 2
    malformed = statements
    assert all([await refused(text) for text in ("", "ao_live_", "ao_live_" + "a" * 49, "x" * 8000)])
    assert statements == malformed


async def test_F49_each_address_has_its_own_limit(make_settings: SettingsFactory) -> None:
    settings = make_settings(limit_anonymous_per_minute=60, limit_anonymous_burst=30)
    async with running(create_app(settings)) as app, client_of(app) as client, client_of(app, STRANGER) as stranger:
        owner = await registering(client)()
        key = (await create_key(client, owner, "admin"))["key"]
        statuses = [
            (await stranger.get("/api/v1/traces", headers={"X-API-Key": generate_key()})).status_code for _ in range(35)
        ]
        assert statuses[:30] == [401] * 30
        assert set(statuses[31:]) == {429}
        for headers in ({"X-API-Key": key}, owner.headers):
            assert (await stranger.get("/api/v1/workspace", headers=headers)).status_code == 200
        assert (await client.post("/api/v1/auth/login", json={"email": owner.email, "password": PASSWORD})).is_success


async def test_limits_of_one_process_hold_while_redis_is_away(make_settings: SettingsFactory) -> None:
    settings = make_settings(redis_cache_url="redis://127.0.0.1:9/0", limit_anonymous_burst=5)
    async with running(create_app(settings)) as app, client_of(app, STRANGER) as stranger:
        statuses = [(await stranger.get("/api/v1/workspace")).status_code for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
