"""API keys: their form, what is stored of them, what they allow and when they end."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.tests.conftest import Register, create_key, join
from shared.auth import keys as key_module
from shared.auth.keys import check_verifier, generate_key, is_well_formed, lookup_hash
from shared.database import Connection


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_S14_keys_are_random_checked_and_stored_as_hashes(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    made = {generate_key() for _ in range(200)}
    assert len(made) == 200
    for key in made:
        assert re.fullmatch(r"ao_live_[0-9A-Za-z]{49}", key)
        assert is_well_formed(key)
        assert not is_well_formed(key[:-1] + ("0" if key[-1] != "0" else "1"))
    owner = await register()
    answer = await create_key(client, owner, "ingest", "read")
    key = answer["key"]
    assert answer["prefix"] == key[:12]
    listed = await client.get("/api/v1/api-keys", headers=owner.headers)
    assert "key" not in listed.json()["api_keys"][0]
    assert key not in listed.text
    row = await database.fetchrow("select * from api_keys")
    stored = " ".join(str(value) for value in row.values())
    assert key[len("ao_live_") + 4 :] not in stored
    assert row["lookup_hash"] != lookup_hash(key, b"another pepper")
    assert not check_verifier(key, b"another pepper", row["verifier"])
    indexes = await database.fetch("select indexdef from pg_indexes where tablename = 'api_keys'")
    assert any("UNIQUE" in index["indexdef"] and "lookup_hash" in index["indexdef"] for index in indexes)


async def test_S15_slow_hashes_run_once_a_key_and_never_for_unknown_ones(
    client: httpx.AsyncClient, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await register()
    key = (await create_key(client, owner, "read"))["key"]
    calls: list[str] = []

    def counting(key: str, pepper: bytes, verifier: str) -> bool:
        calls.append(key)
        return check_verifier(key, pepper, verifier)

    monkeypatch.setattr(key_module, "check_verifier", counting)
    for _ in range(20):
        await client.get("/api/v1/traces", headers=bearer(key))
        await client.get("/api/v1/traces", headers=bearer(generate_key()))
        await client.get("/api/v1/traces", headers=bearer("ao_live_malformed"))
    assert calls == [key]


async def test_S16_a_revoked_key_is_refused_by_the_next_request(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    created = await create_key(client, owner, "admin")
    assert (await client.get("/api/v1/workspace", headers=bearer(created["key"]))).status_code == 200
    revoked = await client.delete(f"/api/v1/api-keys/{created['id']}", headers=owner.headers)
    assert revoked.status_code == 204
    assert (await client.get("/api/v1/workspace", headers=bearer(created["key"]))).status_code == 401
    assert (await client.delete(f"/api/v1/api-keys/{created['id']}", headers=owner.headers)).status_code == 404


async def test_S16_the_database_is_changed_before_the_caches_are(
    app: FastAPI,
    client: httpx.AsyncClient,
    register: Register,
    database: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = await register()
    created = await create_key(client, owner, "admin")
    seen: list[Any] = []
    gateway = app.state.gateway
    advance = gateway.epoch.advance

    async def watched() -> None:
        seen.append(await database.fetchval("select revoked_at from api_keys"))
        await advance()

    monkeypatch.setattr(gateway.epoch, "advance", watched)
    await client.delete(f"/api/v1/api-keys/{created['id']}", headers=owner.headers)
    assert len(seen) == 1
    assert seen[0] is not None


async def test_S17_keys_expire_and_note_their_use(
    app: FastAPI, client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    created = await create_key(client, owner, "admin", expires_at=soon)
    lasting = await create_key(client, owner, "admin")
    for key in (created["key"], lasting["key"]):
        assert (await client.get("/api/v1/workspace", headers=bearer(key))).status_code == 200
    assert await database.fetchval("select count(last_used_at) from api_keys") == 0
    await asyncio.sleep(1.1)
    expired = await client.get("/api/v1/workspace", headers=bearer(created["key"]))
    assert (expired.status_code, expired.json()["error"]["code"]) == (401, "key_expired")
    await app.state.gateway.authenticator.write_key_usage()
    assert await database.fetchval("select count(last_used_at) from api_keys") == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "read"},
        {"name": ""},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "9999-01-01T00:00:00Z"},
        {"key": "ao_live_mine"},
        {"workspace_id": "x"},
    ],
)
async def test_a_key_request_that_is_not_valid(
    client: httpx.AsyncClient, register: Register, fields: dict[str, Any]
) -> None:
    owner = await register()
    body = {"name": "key", "scopes": ["read"], **fields}
    assert (await client.post("/api/v1/api-keys", headers=owner.headers, json=body)).status_code == 422


async def test_S17_members_make_see_and_revoke_their_own_keys_only(
    client: httpx.AsyncClient, register: Register
) -> None:
    owner = await register()
    member = await join(client, owner, "member")
    theirs = await create_key(client, owner, "read")
    own = await create_key(client, member, "read")
    listed = (await client.get("/api/v1/api-keys", headers=member.headers)).json()["api_keys"]
    assert [key["id"] for key in listed] == [own["id"]]
    assert (await client.delete(f"/api/v1/api-keys/{theirs['id']}", headers=member.headers)).status_code == 404
    body = {"name": "more", "scopes": ["admin"]}
    assert (await client.post("/api/v1/api-keys", headers=member.headers, json=body)).status_code == 403
    assert (await client.delete(f"/api/v1/api-keys/{own['id']}", headers=owner.headers)).status_code == 204


async def test_S17_a_key_names_no_other_workspace(client: httpx.AsyncClient, register: Register) -> None:
    owner, other = await register(), await register()
    key = (await create_key(client, owner, "admin"))["key"]
    own = await client.get("/api/v1/workspace", params={"workspace_id": owner.workspace_id}, headers=bearer(key))
    assert own.status_code == 200
    for named in (other.workspace_id, "00000000-0000-0000-0000-000000000000"):
        answer = await client.get("/api/v1/workspace", params={"workspace_id": named}, headers=bearer(key))
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "workspace_mismatch")


async def test_a_key_of_another_workspace_does_not_exist(client: httpx.AsyncClient, register: Register) -> None:
    owner, other = await register(), await register()
    theirs = await create_key(client, other, "read")
    missing = await client.delete("/api/v1/api-keys/6f1d1f0a-93b4-4a55-9fd4-0e6f8f2f7a11", headers=owner.headers)
    foreign = await client.delete(f"/api/v1/api-keys/{theirs['id']}", headers=owner.headers)
    assert (missing.status_code, missing.json()["error"]) == (foreign.status_code, foreign.json()["error"])
    assert (await client.get("/api/v1/api-keys", headers=other.headers)).json()["api_keys"][0]["id"] == theirs["id"]
