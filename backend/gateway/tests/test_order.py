"""Every route answers in one order: no credential, not allowed, not valid, done."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from gateway.tests.conftest import PASSWORD, Account, Register, create_key, join

ROLES = ("owner", "admin", "member", "viewer", "billing")
ACCOUNT = frozenset(ROLES)
KEYS = frozenset({"owner", "admin", "member"})
ADMIN = frozenset({"owner", "admin"})


@dataclass(frozen=True)
class Case:
    """A route, who may use it, and a request that is not valid and one that is."""

    method: str
    path: str
    allowed: frozenset[str]
    success: int
    valid: Callable[[dict[str, str]], Any] = lambda _: None
    invalid: Any = None
    invalid_path: str | None = None
    key_scope: str | None = None
    repeatable: bool = field(default=True)


CASES = [
    Case("POST", "/api/v1/auth/logout", ACCOUNT, 204, lambda _: {}, {"everywhere": "perhaps"}, repeatable=False),
    Case("POST", "/api/v1/auth/switch", ACCOUNT, 200, lambda ids: {"workspace_id": ids["workspace"]}, {}),
    Case(
        "POST",
        "/api/v1/auth/change-password",
        ACCOUNT,
        200,
        lambda _: {"current_password": PASSWORD, "new_password": PASSWORD},
        {"current_password": PASSWORD, "new_password": "short"},
    ),
    Case("GET", "/api/v1/auth/me", ACCOUNT, 200),
    Case("PUT", "/api/v1/auth/me", ACCOUNT, 200, lambda _: {"full_name": "New"}, {"full_name": ""}),
    Case("POST", "/api/v1/api-keys", KEYS, 201, lambda _: {"name": "k", "scopes": ["read"]}, {"name": "k"}),
    Case("GET", "/api/v1/api-keys", KEYS, 200),
    Case("DELETE", "/api/v1/api-keys/{key}", KEYS, 204, invalid_path="/api/v1/api-keys/none", repeatable=False),
    Case("GET", "/api/v1/workspaces", ACCOUNT, 200),
    Case("POST", "/api/v1/workspaces", ACCOUNT, 201, lambda _: {"name": "n"}, {"name": "n", "slug": "Not A Slug"}),
    Case("GET", "/api/v1/workspace", ACCOUNT, 200, key_scope="admin"),
    Case(
        "PUT",
        "/api/v1/workspace",
        ADMIN,
        200,
        lambda _: {"timezone": "Asia/Tokyo"},
        {"timezone": "x"},
        key_scope="admin",
    ),
    Case("GET", "/api/v1/team/members", ADMIN, 200, key_scope="admin"),
    Case(
        "POST",
        "/api/v1/team/invite",
        ADMIN,
        201,
        lambda _: {"email": "guest@example.com"},
        {"email": "guest"},
        key_scope="admin",
    ),
    Case(
        "PUT",
        "/api/v1/team/members/{target}/role",
        ADMIN,
        200,
        lambda _: {"role": "viewer"},
        {"role": "king"},
        key_scope="admin",
    ),
    Case(
        "DELETE",
        "/api/v1/team/members/{target}",
        ADMIN,
        200,
        invalid_path="/api/v1/team/members/none",
        key_scope="admin",
        repeatable=False,
    ),
    Case("DELETE", "/api/v1/workspace", frozenset({"owner"}), 200, repeatable=False),
]


@dataclass
class Team:
    """A workspace with one user of each role, a member to act upon and a key."""

    users: dict[str, Account]
    keys: dict[str, str]
    ids: dict[str, str]


async def make_team(client: httpx.AsyncClient, register: Register) -> Team:
    owner = await register("owner")
    users = {role: await join(client, owner, role) for role in ROLES[1:]} | {"owner": owner}
    keys = {scope: (await create_key(client, owner, scope))["key"] for scope in ("ingest", "read", "write", "admin")}
    target = await join(client, owner, "member")
    key = await create_key(client, owner, "read")
    return Team(users, keys, {"target": target.user_id, "workspace": owner.workspace_id, "key": key["id"]})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.path}")
async def test_S02_each_role_and_scope_gets_what_the_table_says(
    client: httpx.AsyncClient, register: Register, case: Case
) -> None:
    team = await make_team(client, register)
    path = case.path.format(**team.ids)

    async def ask(headers: dict[str, str], body: Any, path: str = path) -> int:
        options = {"json": body} if body is not None else {}
        return (await client.request(case.method, path, headers=headers, **options)).status_code

    assert await ask({}, case.invalid) == 401
    denied = [team.users[role].headers for role in ROLES if role not in case.allowed]
    denied += [{"X-API-Key": key} for scope, key in team.keys.items() if scope != case.key_scope]
    for headers in denied:
        assert await ask(headers, case.invalid, case.invalid_path or path) == 403
        assert await ask(headers, case.valid(team.ids)) == 403
    for role in case.allowed:
        headers = team.users[role].headers
        if case.invalid is not None:
            assert await ask(headers, case.invalid) == 422
        if case.invalid_path is not None:
            assert await ask(headers, case.valid(team.ids), case.invalid_path) == 404
    if case.key_scope is not None and case.repeatable:
        assert await ask({"X-API-Key": team.keys[case.key_scope]}, case.valid(team.ids)) == case.success
    for role in sorted(case.allowed, reverse=True) if case.repeatable else ["owner"]:
        assert await ask(team.users[role].headers, case.valid(team.ids)) == case.success


async def test_a_malformed_body_tells_strangers_nothing(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/api/v1/api-keys", content=b"{", headers=headers)
    assert answer.status_code == 401
