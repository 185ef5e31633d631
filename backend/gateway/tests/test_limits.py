"""How many requests are let through, and by what they are counted."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.app.main import create_app
from gateway.tests.conftest import SettingsFactory, client_of, create_key, join, registering, running

SMALL: dict[str, Any] = {
    "limit_admin_per_minute": 60,
    "limit_admin_burst": 50,
    "limit_member_per_minute": 1,
    "limit_member_burst": 8,
    "limit_viewer_per_minute": 1,
    "limit_viewer_burst": 4,
}


async def statuses(client: httpx.AsyncClient, count: int, headers: dict[str, str], path: str) -> list[int]:
    return [(await client.get(path, headers=headers)).status_code for _ in range(count)]


async def test_limits_follow_role_and_scope(make_settings: SettingsFactory) -> None:
    async with running(create_app(make_settings(**SMALL))) as app, client_of(app) as client:
        owner = await registering(client)()
        key = (await create_key(client, owner, "read"))["key"]
        admin_key = (await create_key(client, owner, "admin"))["key"]
        for role, burst in (("member", 8), ("viewer", 4), ("billing", 4)):
            account = await join(client, owner, role)
            assert await statuses(client, burst + 1, account.headers, "/api/v1/auth/me") == [200] * burst + [429]
        assert await statuses(client, 9, {"X-API-Key": key}, "/api/v1/workspace") == [403] * 8 + [429]
        assert await statuses(client, 9, {"X-API-Key": admin_key}, "/api/v1/workspace") == [200] * 9
        limited = await client.get("/api/v1/workspace", headers={"X-API-Key": key})
        assert limited.json()["error"]["code"] == "rate_limited"
        assert int(limited.headers["retry-after"]) >= 1
        assert limited.headers["x-ratelimit-limit"] == "1"
        assert limited.headers["x-ratelimit-remaining"] == "0"
        assert int(limited.headers["x-ratelimit-reset"]) > 1_700_000_000


async def test_S54_many_keys_of_a_workspace_share_its_limit(make_settings: SettingsFactory) -> None:
    settings = make_settings(limit_workspace_per_minute=1, limit_workspace_burst=20)
    async with running(create_app(settings)) as app, client_of(app) as client:
        owner, other = await registering(client)(), await registering(client)()
        keys = [(await create_key(client, owner, "admin"))["key"] for _ in range(4)]
        answers = [
            status for key in keys for status in await statuses(client, 6, {"X-API-Key": key}, "/api/v1/workspace")
        ]
        assert answers == [200] * 16 + [429] * 8, "creating the keys took four"
        assert await statuses(client, 1, other.headers, "/api/v1/workspace") == [200]


@pytest.fixture
async def client(make_settings: SettingsFactory) -> AsyncIterator[httpx.AsyncClient]:
    settings = make_settings(limit_anonymous_per_minute=1, limit_anonymous_burst=6)
    async with running(create_app(settings)) as app, client_of(app) as client:
        yield client


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP"]
)
async def test_S54_headers_of_strangers_choose_no_bucket(client: httpx.AsyncClient, header: str) -> None:
    answers = []
    for number in range(8):
        value = f"198.51.100.{number}"
        headers = [(header, value if header != "Forwarded" else f"for={value}"), (header, "10.0.0.1")]
        answers.append((await client.get("/api/v1/workspace", headers=headers)).status_code)
    assert answers == [401] * 6 + [429] * 2


async def test_S54_every_spelling_of_a_path_and_credential_counts(client: httpx.AsyncClient) -> None:
    attempts: list[tuple[str, dict[str, str]]] = [
        ("/api/v1/workspace", {}),
        ("/api/v1/workspace?x=1", {"Authorization": "Bearer nonsense"}),
        ("/api/v1/traces", {"X-API-Key": "ao_live_nonsense"}),
        ("/api/v1/traces/abc", {"Authorization": "nonsense"}),
        ("/api/v1/auth/me", {"Authorization": "Basic bm9uc2Vuc2U="}),
        ("/api/v1/team/members", {"authorization": "bearer nonsense"}),
        ("/api/v1/workspace", {}),
    ]
    assert [(await client.get(path, headers=headers)).status_code for path, headers in attempts] == [401] * 6 + [429]


async def test_S54_log_in_and_registration_count_by_address(client: httpx.AsyncClient) -> None:
    answers = [
        (await client.post("/api/v1/auth/login", json={"email": f"u{number}@example.com", "password": "x"})).status_code
        for number in range(8)
    ]
    assert answers == [401] * 6 + [429] * 2


async def test_S54_an_ipv6_network_is_one_client(make_settings: SettingsFactory) -> None:
    settings = make_settings(limit_anonymous_per_minute=1, limit_anonymous_burst=6)
    async with running(create_app(settings)) as app:

        async def ask(address: str) -> int:
            async with client_of(app, (address, 1)) as client:
                return (await client.get("/api/v1/workspace")).status_code

        assert [await ask(f"2001:db8:1:2::{number:x}") for number in range(1, 9)] == [401] * 6 + [429] * 2
        assert await ask("2001:db8:1:3::1") == 401


async def test_S54_forwarded_addresses_count_behind_trusted_proxies_only(make_settings: SettingsFactory) -> None:
    settings = make_settings(
        limit_anonymous_per_minute=1, limit_anonymous_burst=2, trusted_proxies="192.0.2.10, 10.0.0.0/8"
    )
    async with running(create_app(settings)) as app, client_of(app) as client:

        async def ask(*hops: str) -> int:
            headers = {"X-Forwarded-For": ", ".join(hops)}
            return (await client.get("/api/v1/workspace", headers=headers)).status_code

        spoofed = [await ask(f"198.51.100.{number}", "203.0.113.5", "10.1.1.1") for number in range(4)]
        assert spoofed == [401, 401, 429, 429], "only what trusted proxies added counts"
        assert await ask("203.0.113.6", "10.1.1.1") == 401
