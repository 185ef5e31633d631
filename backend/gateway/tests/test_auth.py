"""Registration, log-in, sessions and the own account, at the boundary."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.app.main import create_app
from gateway.app.queries import sessions
from gateway.tests.conftest import PASSWORD, Account, Register, SettingsFactory, client_of, registering, running
from shared.database import Connection

NEW_PASSWORD = "another kettle 17 snow"


async def login(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/v1/auth/login", json={"email": email, "password": password})


async def test_registration_gives_tokens_user_and_workspace(client: httpx.AsyncClient, register: Register) -> None:
    account = await register("ada")
    assert account.body["token_type"] == "bearer"
    assert account.body["expires_in"] == 1800
    assert account.body["workspace"]["slug"] == "ada-space"
    assert account.body["workspace"]["role"] == "owner"
    me = await client.get("/api/v1/auth/me", headers=account.headers)
    assert me.status_code == 200
    assert me.json()["email"] == account.email
    assert me.headers["x-ratelimit-limit"] == "100000"
    assert {"x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"} <= me.headers.keys()


async def test_the_first_real_user_is_platform_admin_and_the_demo_user_never(make_settings: SettingsFactory) -> None:
    settings = make_settings(demo_email="demo@example.com")
    async with running(create_app(settings)) as app, client_of(app) as client:
        register = registering(client)
        roles = [
            (await register(email=email)).body["user"]["platform_role"]
            for email in ("demo@example.com", "first@example.com", "second@example.com")
        ]
    assert roles == ["user", "platform_admin", "user"]


async def test_an_address_registers_once_in_any_case(client: httpx.AsyncClient, register: Register) -> None:
    account = await register()
    body = {"email": account.email.upper(), "password": PASSWORD, "full_name": "x", "workspace_name": "y"}
    answer = await client.post("/api/v1/auth/register", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "email_taken")


async def test_equal_workspace_names_get_different_slugs(register: Register) -> None:
    slugs = {(await register("twin")).body["workspace"]["slug"] for _ in range(3)}
    assert len(slugs) == 3


async def test_closed_registration_lets_in_the_first_user_only(make_settings: SettingsFactory) -> None:
    async with running(create_app(make_settings(registration="closed"))) as app, client_of(app) as client:
        owner = await registering(client)()
        body = {"email": "late@example.com", "password": PASSWORD, "full_name": "x", "workspace_name": "y"}
        answer = await client.post("/api/v1/auth/register", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "registration_closed")
        assert (await client.post("/api/v1/workspaces", headers=owner.headers, json={"name": "n"})).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no-address"),
        ("email", "a@b\u0000.example"),
        ("full_name", ""),
        ("full_name", "line\nbreak"),
        ("full_name", "nul\u0000"),
        ("workspace_name", "x" * 101),
        ("password", "short"),
        ("is_admin", True),
    ],
)
async def test_registration_says_which_field_is_wrong(client: httpx.AsyncClient, field: str, value: object) -> None:
    body = {"email": "a@example.com", "password": PASSWORD, "full_name": "x", "workspace_name": "y", field: value}
    answer = await client.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]", b"null", b'{"email":"\\ud800"}'])
async def test_a_body_that_is_no_request_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/v1/auth/login", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert answer.json()["status"] == "error"


async def test_login_takes_the_last_used_workspace(client: httpx.AsyncClient, register: Register) -> None:
    account = await register()
    created = await client.post("/api/v1/workspaces", headers=account.headers, json={"name": "Second"})
    second = created.json()["data"]["id"]
    switched = await client.post("/api/v1/auth/switch", headers=account.headers, json={"workspace_id": second})
    assert switched.json()["workspace"]["id"] == second
    assert (await login(client, account.email)).json()["workspace"]["id"] == second
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": account.body["refresh_token"]})
    assert refreshed.json()["workspace"]["id"] == second


async def test_switching_to_a_workspace_of_others_is_not_found(client: httpx.AsyncClient, register: Register) -> None:
    account, other = await register(), await register()
    body = {"workspace_id": other.workspace_id}
    answer = await client.post("/api/v1/auth/switch", headers=account.headers, json=body)
    assert answer.status_code == 404


async def test_a_user_without_workspace_gets_a_new_one(client: httpx.AsyncClient, register: Register) -> None:
    account = await register("solo")
    assert (await client.delete("/api/v1/workspace", headers=account.headers)).status_code == 200
    answer = await login(client, account.email)
    assert answer.status_code == 200
    assert answer.json()["workspace"]["id"] != account.workspace_id


async def test_the_profile_changes(client: httpx.AsyncClient, register: Register) -> None:
    account, other = await register(), await register()

    async def change(**fields: Any) -> httpx.Response:
        return await client.put("/api/v1/auth/me", headers=account.headers, json=fields)

    assert (await change(full_name="New Name")).json()["full_name"] == "New Name"
    assert (await change()).status_code == 422
    assert (await change(email="new@example.com")).status_code == 422
    assert (await change(email="new@example.com", password="wrong word here")).status_code == 422
    taken = await change(email=other.email, password=PASSWORD)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "email_taken")
    assert (await change(email="New@Example.com", password=PASSWORD)).json()["email"] == "new@example.com"
    assert (await login(client, "new@example.com")).status_code == 200


async def test_logout_of_all_sessions(client: httpx.AsyncClient, register: Register) -> None:
    account = await register()
    other = Account(account.email, (await login(client, account.email)).json())
    answer = await client.post("/api/v1/auth/logout", headers=account.headers, json={"everywhere": True})
    assert answer.status_code == 204
    for session in (account, other):
        assert (await client.get("/api/v1/auth/me", headers=session.headers)).status_code == 401
        refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": session.body["refresh_token"]})
        assert refreshed.status_code == 401


async def test_a_disabled_user_is_out_at_once(
    app: Any, client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    account = await register()
    await database.execute("update users set is_active = false where email = $1", account.email)
    await app.state.gateway.access_withdrawn()
    assert (await client.get("/api/v1/auth/me", headers=account.headers)).status_code == 401
    assert (await login(client, account.email)).status_code == 401
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": account.body["refresh_token"]})
    assert refreshed.status_code == 401


async def test_parallel_first_registrations_make_one_platform_admin(client: httpx.AsyncClient) -> None:
    register = registering(client)
    accounts = await asyncio.gather(*(register(f"first{number}") for number in range(6)))
    roles = [account.body["user"]["platform_role"] for account in accounts]
    assert sorted(roles) == ["platform_admin", *["user"] * 5]


async def test_changing_the_password_ends_other_sessions(client: httpx.AsyncClient, register: Register) -> None:
    account = await register()
    other = Account(account.email, (await login(client, account.email)).json())

    async def change(current: str, new: str) -> httpx.Response:
        body = {"current_password": current, "new_password": new}
        return await client.post("/api/v1/auth/change-password", headers=account.headers, json=body)

    wrong = await change("not the password", NEW_PASSWORD)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "wrong_password")
    changed = await change(PASSWORD, NEW_PASSWORD)
    assert (changed.status_code, changed.json()) == (200, {"sessions_ended": 1})
    assert (await client.get("/api/v1/auth/me", headers=account.headers)).status_code == 200
    assert (await client.get("/api/v1/auth/me", headers=other.headers)).status_code == 401
    assert (await login(client, account.email)).status_code == 401
    assert (await login(client, account.email, NEW_PASSWORD)).status_code == 200


async def test_what_ended_a_month_ago_is_forgotten(app: FastAPI, register: Register, database: Connection) -> None:
    account = await register()
    await register("kept")
    await database.execute(
        "update sessions set expires_at = now() - interval '31 days' where user_id = $1", uuid.UUID(account.user_id)
    )
    await sessions.delete_expired(app.state.gateway.pool)
    assert await database.fetchval("select count(*) from sessions") == 1
    assert await database.fetchval("select count(*) from refresh_tokens") == 1


async def test_an_address_with_a_zone_can_be_told(app: FastAPI, database: Connection) -> None:
    async with client_of(app, ("fe80::1%eth0", 1)) as client:
        await registering(client)()
    assert str(await database.fetchval("select ip_address from audit_log")) == "fe80::1"
