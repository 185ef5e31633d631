"""Who may watch a workspace, and what ends a connection."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from gateway.app.main import create_app
from gateway.tests.conftest import Account, SettingsFactory, create_key, join
from gateway.tests.sockets import Stage, Watcher, staged
from shared.http.websocket import MAX_MESSAGE_BYTES

ORIGIN = "https://dashboard.example"
End = Callable[[Stage, Account, Account], Awaitable[Any]]


@pytest.fixture
async def stage(make_settings: SettingsFactory, redis_url: str) -> AsyncIterator[Stage]:
    settings = make_settings(
        cors_origins=ORIGIN, live_sockets_per_credential=3, live_sockets_per_workspace=5, live_sockets_per_process=7
    )
    async with staged(create_app(settings), redis_url) as stage:
        yield stage


async def test_a_ticket_says_where_and_how_long(stage: Stage) -> None:
    owner = await stage.register()
    answer = await stage.client.post("/api/v1/ws-ticket", headers=owner.headers)
    body = answer.json()
    assert (body["expires_in"], body["url"]) == (30, f"ws://localhost:8000/ws/{owner.workspace_id}")
    names: Any = [name async for name in stage.redis.scan_iter("live:ticket:*")]
    assert len(names) == 1
    assert 25 < await stage.redis.ttl(names[0]) <= 30
    kept: Any = await stage.redis.get(names[0])
    token = owner.body["access_token"]
    assert body["ticket"].encode() not in names[0] + kept
    assert token.encode() not in kept


async def test_a_ticket_needs_the_permission_to_read(stage: Stage) -> None:
    owner = await stage.register()
    billing = await join(stage.client, owner, "billing")
    sending = {"X-API-Key": (await create_key(stage.client, owner, "ingest"))["key"]}
    for headers, status in ((billing.headers, 403), (sending, 403), ({}, 401)):
        assert (await stage.client.post("/api/v1/ws-ticket", headers=headers)).status_code == status


async def test_S11_without_a_ticket_nothing_is_told(stage: Stage) -> None:
    owner = await stage.register()
    for ticket in (None, "", "x", "a" * 43, "b" * 5_000):
        watcher = await stage.open(owner.workspace_id, ticket)
        assert watcher.socket.protocol == "v1"
        message = await watcher.socket.receive(timeout=10)
        assert (message.type, watcher.socket.close_code) == (aiohttp.WSMsgType.CLOSE, 4401), ticket
    token = owner.body["access_token"]
    address = f"http://127.0.0.1:{stage.port}/ws/{owner.workspace_id}?access_token={token}&ticket={token}"
    socket = await stage.session.ws_connect(address, headers=owner.headers, protocols=["v1"])
    assert await Watcher(socket).close_code() == 4401
    assert stage.number == 0


async def test_S11_a_ticket_opens_one_connection(stage: Stage) -> None:
    owner = await stage.register()
    ticket = await stage.ticket(owner.headers)
    opened = await asyncio.gather(*(stage.open(owner.workspace_id, ticket) for _ in range(5)))
    codes = []
    for watcher in opened:
        message = await watcher.socket.receive(timeout=10)
        codes.append(watcher.socket.close_code if message.type is aiohttp.WSMsgType.CLOSE else "open")
    assert sorted(map(str, codes)) == ["4401"] * 4 + ["open"]


async def test_S11_a_ticket_does_not_outlive_its_time_or_its_credential(stage: Stage) -> None:
    owner = await stage.register()
    old = await stage.ticket(owner.headers)
    names = [name async for name in stage.redis.scan_iter("live:ticket:*")]
    await stage.redis.pexpire(names[0], 1)
    await asyncio.sleep(0.01)
    assert await (await stage.open(owner.workspace_id, old)).close_code() == 4401
    withdrawn = await stage.ticket(owner.headers)
    await stage.client.post("/api/v1/auth/logout", headers=owner.headers)
    watcher = await stage.open(owner.workspace_id, withdrawn)
    assert (await watcher.socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
    assert watcher.socket.close_code == 4401


async def test_S11_a_ticket_leads_to_its_own_workspace_only(stage: Stage) -> None:
    owner, other = await stage.register(), await stage.register()
    for workspace in (other.workspace_id, str(uuid.uuid4())):
        watcher = await stage.open(workspace, await stage.ticket(owner.headers))
        assert (await watcher.socket.receive(timeout=10)).type is aiohttp.WSMsgType.CLOSE
        assert watcher.socket.close_code == 4403
    mine, _ = await stage.watch(owner)
    for name in (f"ws:{other.workspace_id}", other.workspace_id, "traces.stored'"):
        await mine.say({"type": "subscribe", "events": [name]})
        assert await mine.close_code() == 1008
        mine, _ = await stage.watch(owner)
    await stage.publish(other.workspace_id, "theirs")
    await stage.publish(owner.workspace_id, "mine")
    assert (await mine.frame())["data"]["trace_ids"] == ["mine"]


async def test_S51_pages_of_other_origins_do_not_connect(stage: Stage) -> None:
    owner = await stage.register()
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null", ORIGIN.replace("https", "http")):
        ticket = await stage.ticket(owner.headers)
        assert await stage.refusal(f"/ws/{owner.workspace_id}", ticket, Origin=origin) == 403, origin
    watcher = await stage.open(owner.workspace_id, await stage.ticket(owner.headers), origin=ORIGIN)
    assert (await watcher.frame())["event"] == "ready"


async def test_S09_only_the_exact_address_is_a_socket(stage: Stage) -> None:
    owner = await stage.register()
    ticket = await stage.ticket(owner.headers)
    for path in (f"/ws/{owner.workspace_id}/", f"/WS/{owner.workspace_id}", "/ws/not-an-id", "/ws", "/api/v1/traces"):
        assert await stage.refusal(path, ticket) in (403, 404), path
    assert (await stage.client.get(f"/ws/{owner.workspace_id}")).status_code == 404


async def test_sockets_pass_the_checks_of_host_and_headers(make_settings: SettingsFactory, redis_url: str) -> None:
    async with staged(create_app(make_settings(allowed_hosts="gateway.test")), redis_url) as stage:
        owner = await stage.register()
        path, ticket = f"/ws/{owner.workspace_id}", await stage.ticket(owner.headers)
        for headers, status in (
            ({"Host": "evil.example"}, 400),
            ({"Host": "gateway.test", **{f"X-{number}": "x" * 4_000 for number in range(10)}}, 431),
        ):
            assert await stage.refusal(path, ticket, **headers) == status
        socket = await stage.session.ws_connect(
            f"http://127.0.0.1:{stage.port}{path}",
            headers={"Host": "gateway.test"},
            protocols=["v1", f"ticket.{ticket}"],
        )
        assert (await Watcher(socket).frame())["event"] == "ready"


async def _log_out(stage: Stage, _: Account, member: Account) -> None:
    assert (await stage.client.post("/api/v1/auth/logout", headers=member.headers)).status_code == 204


async def _lose_role(stage: Stage, owner: Account, member: Account) -> None:
    path = f"/api/v1/team/members/{member.user_id}/role"
    answer = await stage.client.put(path, headers=owner.headers, json={"role": "billing"})
    assert answer.status_code == 200


async def _remove(stage: Stage, owner: Account, member: Account) -> None:
    answer = await stage.client.delete(f"/api/v1/team/members/{member.user_id}", headers=owner.headers)
    assert answer.status_code == 200


async def _delete_workspace(stage: Stage, owner: Account, _: Account) -> None:
    assert (await stage.client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200


async def _disable(stage: Stage, _: Account, member: Account) -> None:
    gateway = stage.app.state.gateway
    await gateway.pool.execute("update users set is_active = false where user_id = $1", uuid.UUID(member.user_id))
    await gateway.access_withdrawn()


@pytest.mark.parametrize(
    ("end", "code"),
    [(_log_out, 4401), (_lose_role, 4403), (_remove, 4401), (_delete_workspace, 4401), (_disable, 4401)],
)
async def test_S10_who_may_no_longer_read_is_no_longer_told(stage: Stage, end: End, code: int) -> None:
    owner = await stage.register()
    member = await join(stage.client, owner, "member")
    watcher, _ = await stage.watch(member)
    async with asyncio.timeout(5):
        await end(stage, owner, member)
        assert await watcher.close_code() == code
    await stage.settled(0)


async def test_S10_a_lowered_role_that_may_read_goes_on(stage: Stage) -> None:
    owner = await stage.register()
    member = await join(stage.client, owner, "member")
    watcher, _ = await stage.watch(member)
    path = f"/api/v1/team/members/{member.user_id}/role"
    await stage.client.put(path, headers=owner.headers, json={"role": "viewer"})
    await asyncio.sleep(1.5)
    await stage.publish(owner.workspace_id, "a")
    assert (await watcher.frame())["data"]["trace_ids"] == ["a"]


async def test_S10_keys_end_their_sockets_when_revoked_or_expired(stage: Stage) -> None:
    owner = await stage.register()
    soon = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    revoked, expiring = (
        await create_key(stage.client, owner, "read"),
        await create_key(stage.client, owner, "read", expires_at=soon),
    )
    watchers = []
    for created in (revoked, expiring):
        ticket = await stage.ticket({"X-API-Key": created["key"]})
        watchers.append(await stage.open(owner.workspace_id, ticket))
        assert (await watchers[-1].frame())["event"] == "ready"
    await stage.client.delete(f"/api/v1/api-keys/{revoked['id']}", headers=owner.headers)
    async with asyncio.timeout(7):
        assert [await watcher.close_code() for watcher in watchers] == [4401, 4401]


async def test_S11_the_socket_ends_with_the_access_token(stage: Stage) -> None:
    owner = await stage.register()
    tokens = stage.app.state.gateway.access_tokens
    claims = tokens.read(owner.body["access_token"])
    tokens.lifetime_seconds = 2
    short = tokens.issue(claims.user_id, claims.session_id, claims.workspace_id)
    watcher = await stage.open(owner.workspace_id, await stage.ticket({"Authorization": f"Bearer {short}"}))
    assert (await watcher.frame())["event"] == "ready"
    async with asyncio.timeout(7):
        assert await watcher.close_code() == 4401


async def test_S11_sockets_are_counted_by_credential_workspace_and_process(stage: Stage) -> None:
    owner, other = await stage.register(), await stage.register()
    member = await join(stage.client, owner, "member")

    async def opened(account: Account) -> Watcher | int | None:
        watcher = await stage.open(account.workspace_id, await stage.ticket(account.headers))
        message = await watcher.socket.receive(timeout=10)
        return watcher.socket.close_code if message.type is aiohttp.WSMsgType.CLOSE else watcher

    first = await opened(owner)
    assert isinstance(first, Watcher)
    results = [await opened(account) for account in (owner, owner, owner, member, member, member, other, other, other)]
    codes = [None if isinstance(result, Watcher) else result for result in results]
    assert codes == [None, None, 4429, None, None, 4429, None, None, 4429]
    await first.socket.close()
    await stage.settled(6)
    assert isinstance(await opened(owner), Watcher)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 1008),
        ("[]", 1008),
        ('{"type":"publish","event":"traces.stored"}', 1008),
        ('{"type":"subscribe","events":"all"}', 1008),
        ('{"type":"subscribe","events":[{}]}', 1008),
        ('{"type":"ping","pad":1}', 1008),
        ("x" * (MAX_MESSAGE_BYTES + 1), 1009),
        (b"\x00\x01", 1008),
    ],
    ids=["broken", "list", "unknown", "text", "object", "more", "long", "binary"],
)
async def test_S11_what_clients_may_not_say_ends_the_connection(stage: Stage, message: str | bytes, code: int) -> None:
    watcher, _ = await stage.watch(await stage.register())
    if isinstance(message, bytes):
        await watcher.socket.send_bytes(message)
    else:
        await watcher.socket.send_str(message)
    assert await watcher.close_code() == code
    await stage.settled(0)


async def test_S11_ten_thousand_messages_are_too_many(stage: Stage) -> None:
    watcher, _ = await stage.watch(await stage.register())
    with contextlib.suppress(ConnectionError):
        for _ in range(10_000):
            await watcher.say({"type": "subscribe", "events": []})
    assert await watcher.close_code() in (1008, None)
    await stage.settled(0)


async def test_S11_compression_is_not_agreed_to(stage: Stage) -> None:
    owner = await stage.register()
    ticket = await stage.ticket(owner.headers)
    lines = [
        f"GET /ws/{owner.workspace_id} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
        f"Sec-WebSocket-Protocol: v1, ticket.{ticket}",
    ]
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b" 101 " in head
    assert b"sec-websocket-protocol: v1" in head
    assert b"extensions" not in head
    assert ticket.encode().lower() not in head
    writer.close()


async def test_S11_pings_whose_answers_nobody_fetches_end_the_connection(stage: Stage) -> None:
    owner = await stage.register()
    ticket = await stage.ticket(owner.headers)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, ("127.0.0.1", stage.port))
        head = (
            f"GET /ws/{owner.workspace_id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: v1, ticket.{ticket}\r\n\r\n"
        )
        await loop.sock_sendall(raw, head.encode())
        await stage.settled(1)
        # Masked with zeros, 125 bytes each.
        pings = (b"\x89\xfd\x00\x00\x00\x00" + b"x" * 125) * 500
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(60):
                while True:
                    await loop.sock_sendall(raw, pings)
    await stage.settled(0)
