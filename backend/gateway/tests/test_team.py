"""Workspaces, members, invitations."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.app.team_rules import change_problem, scopes_within
from gateway.tests.conftest import PASSWORD, Account, Register, create_key, join
from shared.database import Connection


def link_token(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["link"]).partition("token=")[2]


async def invite(client: httpx.AsyncClient, owner: Account, email: str, role: str = "member") -> httpx.Response:
    return await client.post("/api/v1/team/invite", headers=owner.headers, json={"email": email, "role": role})


async def set_role(client: httpx.AsyncClient, actor: Account, target: Account, role: str) -> httpx.Response:
    path = f"/api/v1/team/members/{target.user_id}/role"
    return await client.put(path, headers=actor.headers, json={"role": role})


async def test_an_existing_user_joins_with_the_password_or_the_token(
    client: httpx.AsyncClient, register: Register
) -> None:
    owner, first, second = await register("owner"), await register("first"), await register("second")
    token = link_token(await invite(client, owner, first.email, "admin"))
    refused = await client.post("/api/v1/team/accept", json={"token": token})
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "login_required")
    wrong = await client.post("/api/v1/team/accept", json={"token": token, "password": "not the password"})
    assert wrong.status_code == 401
    joined = await client.post("/api/v1/team/accept", json={"token": token, "password": PASSWORD})
    assert (
        joined.json()["data"]["workspace"] | {"id": owner.workspace_id, "role": "admin"}
        == (joined.json()["data"]["workspace"])
    )
    again = await client.post("/api/v1/team/accept", json={"token": token, "password": PASSWORD})
    assert (again.status_code, again.json()["error"]["code"]) == (422, "invitation_invalid")

    token = link_token(await invite(client, owner, second.email))
    stranger = await client.post("/api/v1/team/accept", json={"token": token}, headers=first.headers)
    assert stranger.status_code == 401
    joined = await client.post("/api/v1/team/accept", json={"token": token}, headers=second.headers)
    assert joined.status_code == 200
    members = (await client.get("/api/v1/team/members", headers=owner.headers)).json()
    assert [member["role"] for member in members["data"]] == ["owner", "admin", "member"]
    assert members["pagination"]["has_more"] is False


async def test_a_new_invitation_replaces_the_old_and_members_need_none(
    client: httpx.AsyncClient, register: Register
) -> None:
    owner = await register()
    old = link_token(await invite(client, owner, "guest@example.com"))
    new = link_token(await invite(client, owner, "guest@example.com", "viewer"))
    body = {"full_name": "Guest", "password": PASSWORD}
    assert (await client.post("/api/v1/team/accept", json={"token": old, **body})).status_code == 422
    missing = await client.post("/api/v1/team/accept", json={"token": new})
    assert [detail["field"] for detail in missing.json()["error"]["details"]] == ["full_name", "password"]
    joined = await client.post("/api/v1/team/accept", json={"token": new, **body})
    assert joined.json()["data"]["workspace"]["role"] == "viewer"
    again = await invite(client, owner, "guest@example.com")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_member")


async def test_expired_invitations_and_those_of_deleted_workspaces_are_void(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    token = link_token(await invite(client, owner, "guest@example.com"))
    body = {"token": token, "full_name": "Guest", "password": PASSWORD}
    await database.execute("update invitations set expires_at = now() - interval '1 second'")
    assert (await client.post("/api/v1/team/accept", json=body)).status_code == 422
    await database.execute("update invitations set expires_at = now() + interval '1 day'")
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200
    assert (await client.post("/api/v1/team/accept", json=body)).status_code == 422


@pytest.mark.parametrize(
    ("actor", "current", "wanted", "owners", "allowed"),
    [
        ("owner", "member", "owner", 1, True),
        ("owner", "owner", "member", 2, True),
        ("owner", "owner", "member", 1, False),
        ("owner", "owner", None, 1, False),
        ("admin", "member", "admin", 1, True),
        ("admin", "member", "owner", 1, False),
        ("admin", "owner", "member", 2, False),
        ("admin", "owner", None, 2, False),
        ("admin", "admin", None, 1, True),
    ],
)
def test_nobody_reaches_above_their_own_role(
    actor: str, current: str, wanted: str | None, owners: int, allowed: bool
) -> None:
    assert (change_problem(actor, current, wanted, owners=owners) is None) is allowed


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("owner", ["ingest", "read", "write", "admin"]),
        ("member", ["ingest", "read", "write"]),
        ("viewer", []),
        ("billing", []),
        (None, []),
    ],
)
def test_roles_hold_no_more_scopes_than_permissions(role: str | None, scopes: list[str]) -> None:
    assert scopes_within(role) == scopes


async def test_the_last_owner_stays_whoever_is_faster(client: httpx.AsyncClient, register: Register) -> None:
    first = await register("owner")
    second = await join(client, first, "owner")
    answers = await asyncio.gather(set_role(client, first, second, "member"), set_role(client, second, first, "member"))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[1] in (401, 403, 409)
    members = [(await client.get("/api/v1/team/members", headers=user.headers)).json() for user in (first, second)]
    roles = [member["role"] for answer in members if "data" in answer for member in answer["data"]]
    assert roles.count("owner") >= 1
    alone = first if answers[0].status_code == 200 else second
    last = await set_role(client, alone, alone, "member")
    assert (last.status_code, last.json()["error"]["code"]) == (409, "last_owner")


async def test_removal_takes_access_and_keys(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    member = await join(client, owner, "member")
    key = await create_key(client, member, "read")
    path = f"/api/v1/team/members/{member.user_id}"
    removed = await client.delete(path, headers=owner.headers)
    assert removed.json()["data"] == {"id": member.user_id, "revoked_api_keys": 1}
    assert (await client.get("/api/v1/workspace", headers=member.headers)).status_code == 401
    assert (await client.get("/api/v1/traces", headers={"X-API-Key": key["key"]})).status_code == 401
    assert (await client.delete(path, headers=owner.headers)).status_code == 404


async def test_a_lowered_role_keeps_only_the_keys_it_may_hold(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    admin = await join(client, owner, "admin")
    await create_key(client, admin, "admin")
    kept = await create_key(client, admin, "ingest", "read")
    lowered = await set_role(client, owner, admin, "member")
    assert lowered.json()["data"]["revoked_api_keys"] == 1
    listed = (await client.get("/api/v1/api-keys", headers=admin.headers)).json()["api_keys"]
    assert [key["id"] for key in listed] == [kept["id"]]
    assert (await client.get("/api/v1/team/members", headers=admin.headers)).status_code == 403


async def test_workspace_settings_change(client: httpx.AsyncClient, register: Register) -> None:
    owner, other = await register("one"), await register("two")

    async def change(**fields: Any) -> httpx.Response:
        return await client.put("/api/v1/workspace", headers=owner.headers, json=fields)

    changed = await change(name="Renamed", slug="renamed", retention_days=30, timezone="Europe/Berlin")
    data = changed.json()["data"]
    assert (data["name"], data["slug"], data["retention_days"]) == ("Renamed", "renamed", 30)
    taken = await change(slug=other.body["workspace"]["slug"])
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "slug_taken")
    for field, value in (("retention_days", 0), ("timezone", "Mars"), ("slug", "A"), ("role", "owner")):
        assert (await change(**{field: value})).status_code == 422
    assert (await change()).status_code == 422
    assert (await client.get("/api/v1/workspace", headers=owner.headers)).json()["data"] == data


async def test_a_deleted_workspace_frees_its_slug(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register("spare")
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200
    assert (await register("spare")).body["workspace"]["slug"] == "spare-space"


async def test_S65_a_workspace_is_deleted_with_the_job_that_removes_its_data_or_not_at_all(
    app: FastAPI, client: httpx.AsyncClient, register: Register, database: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await register()

    async def found() -> list[tuple[bool, str | None]]:
        rows = await database.fetch(
            "select w.deleted_at is not null, j.type from workspaces w left join jobs j using (workspace_id)"
        )
        return [tuple(row) for row in rows]

    # As a database does that fails between the two.
    await database.execute("alter table jobs add constraint refusing check (type <> 'delete_workspace')")
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code >= 500
    assert await found() == [(False, None)]
    await database.execute("alter table jobs drop constraint refusing")

    async def die() -> None:
        raise RuntimeError

    # As a process does that ends right after the transaction.
    monkeypatch.setattr(app.state.gateway.epoch, "advance", die)
    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code >= 500
    assert await found() == [(True, "delete_workspace")]


async def test_a_slug_that_was_asked_for_is_given_or_refused(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    body = {"name": "Fine", "slug": "fine-name"}
    created = await client.post("/api/v1/workspaces", headers=owner.headers, json=body)
    assert (created.status_code, created.json()["data"]["slug"]) == (201, "fine-name")
    assert (await client.post("/api/v1/workspaces", headers=owner.headers, json=body)).status_code == 409
    listed = (await client.get("/api/v1/workspaces", headers=owner.headers)).json()["data"]
    assert [workspace["role"] for workspace in listed] == ["owner", "owner"]
