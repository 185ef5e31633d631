"""Registration, log-in, sessions and the own account, at the boundary."""

import httpx

from gateway.tests.conftest import PASSWORD, Register


async def test_registration_gives_tokens_user_and_workspace(client: httpx.AsyncClient, register: Register) -> None:
    account = await register("ada")
    assert account.body["token_type"] == "bearer"
    assert account.body["expires_in"] == 1800
    assert account.body["workspace"]["slug"].startswith("ada-space")
    assert account.body["workspace"]["role"] == "owner"
    me = await client.get("/api/v1/auth/me", headers=account.headers)
    assert me.status_code == 200
    assert me.json()["email"] == account.email
    assert me.headers["x-ratelimit-limit"] == "100000"
    login = await client.post("/api/v1/auth/login", json={"email": account.email.upper(), "password": PASSWORD})
    assert login.status_code == 200
    assert login.json()["workspace"]["id"] == account.workspace_id
