"""What leaves the gateway beside its answers: logs, errors, metrics, the audit log."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.app.main import create_app
from gateway.tests.conftest import (
    PASSWORD,
    Register,
    SettingsFactory,
    client_of,
    create_key,
    join,
    registering,
    running,
)
from shared.database import Connection

ReadLog = Callable[[], list[dict[str, Any]]]
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|asyncpg|pydantic|starlette|fastapi|uvicorn|select |insert |postgres|valkey|redis|"
    + re.escape(str(Path(__file__).parents[3])),
    re.IGNORECASE,
)


async def test_S18_no_credential_leaves_but_to_its_owner(
    app: FastAPI, client: httpx.AsyncClient, register: Register, read_log: ReadLog
) -> None:
    owner = await register()
    key = (await create_key(client, owner, "read", "admin"))["key"]
    outputs = []
    for headers in (
        {"Authorization": f"Bearer {key}x"},
        {"Authorization": key},
        {"X-API-Key": key},
        {"Authorization": f"Token {key}"},
        {"Cookie": f"key={key}"},
    ):
        for path in ("/api/v1/workspace", "/api/v1/traces", f"/api/v1/{key}", f"/api/v1/workspace?api_key={key}"):
            outputs.append((await client.get(path, headers=headers)).text)
    await client.post("/api/v1/auth/login", json={"email": owner.email, "password": key, "token": key})
    await client.post("/api/v1/auth/login", json={"email": key, "password": PASSWORD})
    await client.post("/api/v1/auth/refresh", json={"refresh_token": key})
    await client.get("/api/v1/auth/me", headers=owner.headers)
    outputs.append((await client.get("/metrics")).text)
    outputs.append(json.dumps(read_log()))
    for secret in (key, key[8:-6], PASSWORD, owner.body["access_token"], owner.body["refresh_token"]):
        assert all(secret not in output for output in outputs)
    assert any(line.get("key_id") for line in read_log() if line["event"] == "request")


async def test_S45_nobody_writes_lines_of_their_own_into_the_log(client: httpx.AsyncClient, read_log: ReadLog) -> None:
    before = len(read_log())
    hostile = 'x"}\r\n{"event":"forged","level":"error"} \x1b[31mred\x1b[0m \u2028 \x00'
    await client.get("/api/v1/%0d%0aforged%1b%5b31m", headers={"User-Agent": "a\x1b[31mb", "X-Request-ID": 'x"}{'})
    await client.post("/api/v1/auth/login", json={"email": hostile, "password": hostile})
    body = {"email": "a@example.com", "password": PASSWORD, "full_name": hostile, "workspace_name": hostile}
    assert (await client.post("/api/v1/auth/register", json=body)).status_code == 422
    lines = read_log()[before:]
    assert len(lines) == 3
    assert {line["event"] for line in lines} == {"request"}
    assert not re.search(r"[\x00-\x1f\x7f\u2028]", "".join(str(value) for line in lines for value in line.values()))
    assert re.fullmatch(r"[0-9a-f]{32}", lines[0]["request_id"])


async def test_S58_secrets_are_redacted_wherever_they_are_logged(read_log: ReadLog) -> None:
    from shared.logging import get_logger

    logger = get_logger("test")
    planted = {
        "key": "ao_live_" + "A" * 49,
        "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "card": "4111 1111 1111 1111",
        "mail": "somebody@people.example",
        "url": "hunter2hunter2",
    }
    text = f"{planted['key']} Bearer {planted['jwt']} {planted['card']} {planted['mail']} pg://u:{planted['url']}@h/db"
    logger.info("planted", note=text, nested={"list": [text], "password": "open sesame"}, authorization="Basic abc")
    try:
        password = "local sesame"
        raise ValueError(f"{text} {len(password)}")
    except ValueError:
        logger.exception("planted_error")
    log = json.dumps(read_log())
    assert log.count("planted") >= 2
    for secret in (*planted.values(), "open sesame", "local sesame"):
        assert secret not in log, secret


async def test_S59_every_change_of_access_is_told_once(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    member = await join(client, owner, "member")
    key = await create_key(client, owner, "read")
    await client.delete(f"/api/v1/api-keys/{key['id']}", headers=owner.headers)
    path = f"/api/v1/team/members/{member.user_id}"
    await client.put(f"{path}/role", headers=owner.headers, json={"role": "viewer"})
    await client.delete(path, headers=owner.headers)
    await client.post("/api/v1/auth/login", json={"email": owner.email, "password": "wrong word"})
    await client.post("/api/v1/auth/login", json={"email": owner.email, "password": PASSWORD})
    await client.put("/api/v1/workspace", headers=owner.headers, json={"retention_days": 7})
    await client.post("/api/v1/auth/logout", headers=owner.headers)
    rows = await database.fetch("select * from audit_log order by audit_id")
    assert [(row["action"], row["result"]) for row in rows] == [
        ("register", "success"),
        ("invite_member", "success"),
        ("accept_invitation", "success"),
        ("create_api_key", "success"),
        ("revoke_api_key", "success"),
        ("change_role", "success"),
        ("remove_member", "success"),
        ("login", "failure"),
        ("login", "success"),
        ("update_workspace", "success"),
        ("logout", "success"),
    ]
    assert {str(row["ip_address"]) for row in rows} == {"192.0.2.10"}
    assert all(row["request_id"] and row["occurred_at"] for row in rows)
    assert {str(row["actor_id"]) for row in rows if row["actor_type"] == "user"} == {owner.user_id, member.user_id}
    assert json.loads(rows[5]["details"]) == {"from": "member", "to": "viewer", "revoked_api_keys": 0}
    with pytest.raises(Exception, match="append-only"):
        await database.execute("delete from audit_log")


async def test_S59_a_change_that_cannot_be_told_does_not_happen(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    owner = await register()
    key = await create_key(client, owner, "admin")
    await database.execute("alter table audit_log add constraint never check (audit_id < 0) not valid")
    body = {"name": "untold", "scopes": ["read"]}
    answers = [
        await client.post("/api/v1/api-keys", headers=owner.headers, json=body),
        await client.delete(f"/api/v1/api-keys/{key['id']}", headers=owner.headers),
        await client.put("/api/v1/workspace", headers=owner.headers, json={"name": "untold"}),
        await client.post("/api/v1/team/invite", headers=owner.headers, json={"email": "guest@example.com"}),
        await client.post("/api/v1/auth/login", json={"email": owner.email, "password": PASSWORD}),
    ]
    assert [answer.status_code for answer in answers] == [500] * 5
    assert await database.fetchval("select count(*) from api_keys where revoked_at is null and name = 'key'") == 1
    assert await database.fetchval("select count(*) from api_keys where name = 'untold'") == 0
    assert await database.fetchval("select count(*) from workspaces where name = 'untold'") == 0
    assert await database.fetchval("select count(*) from invitations") == 0
    assert await database.fetchval("select count(*) from sessions") == 1
    assert (await client.get("/api/v1/workspace", headers={"X-API-Key": key["key"]})).status_code == 200


async def test_S60_errors_show_nothing_of_the_inside(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    planted = "planted-secret-value"
    answers = [
        await client.get("/api/v1/auth/me"),
        await client.get("/nothing"),
        await client.request("PATCH", "/api/v1/workspace", headers=owner.headers),
        await client.post("/api/v1/auth/login", content=b"{", headers={"Content-Type": "application/json"}),
        await client.post("/api/v1/auth/login", json={"email": planted, "password": planted, "extra": planted}),
        await client.post("/api/v1/auth/login", json=[planted]),
        await client.post("/api/v1/auth/refresh", json={"refresh_token": planted * 20}),
        await client.get("/api/v1/traces", headers=owner.headers),
        await client.delete("/api/v1/api-keys/%s" % ("x" * 500), headers=owner.headers),
        await client.put("/api/v1/workspace", headers=owner.headers, json={"timezone": planted}),
        await client.put("/api/v1/team/members/1/role", headers=owner.headers, json={"role": "x" * 10_000}),
    ]
    for answer in answers:
        assert 400 <= answer.status_code <= 503
        body = answer.json()
        assert body["status"] == "error"
        assert re.fullmatch(r"[a-z0-9_]+", body["error"]["code"])
        assert body["meta"]["request_id"] == answer.headers["x-request-id"]
        assert not INSIDES.search(answer.text), answer.text
        assert planted not in answer.text


async def test_S60_a_defect_is_told_by_its_request_id_and_serving_goes_on(
    app: FastAPI, client: httpx.AsyncClient, register: Register, read_log: ReadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await register()

    def broken(*_: object) -> bytes:
        raise RuntimeError("select secret from users")

    with monkeypatch.context() as patch:
        patch.setattr(app.state.gateway.opaque_tokens, "hash", broken)
        answer = await client.post("/api/v1/auth/refresh", json={"refresh_token": "A" * 43})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert not INSIDES.search(answer.text)
    [line] = [line for line in read_log() if line["event"] == "request_failed"]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert (await client.get("/api/v1/auth/me", headers=owner.headers)).status_code == 200


async def test_S62_nothing_but_the_api_shows_in_production(make_settings: SettingsFactory) -> None:
    settings = make_settings(environment="production", password_cost=12, metrics_token="m" * 40)
    async with running(create_app(settings)) as app, client_of(app) as client:
        for path in ("/docs", "/redoc", "/openapi.json", "/.git/HEAD", "/debug/pprof", "/pgadmin", "/admin"):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers={"Authorization": "Bearer guess"})).status_code == 401
        metrics = await client.get("/metrics", headers={"Authorization": f"Bearer {'m' * 40}"})
        assert (metrics.status_code, "http_requests_total" in metrics.text) == (200, True)
        health = await client.get("/health")
        assert health.status_code == 200
        assert "server" not in health.headers
    settings = make_settings(environment="production", password_cost=12)
    async with running(create_app(settings)) as app, client_of(app) as client:
        assert (await client.get("/metrics")).status_code == 401, "without a token nobody reads them"


async def test_S06_answers_are_kept_by_no_cache_and_protect_browsers(client: httpx.AsyncClient) -> None:
    for path in ("/health", "/nothing", "/api/v1/auth/me"):
        headers = (await client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "strict-transport-security" in headers


async def test_browsers_are_let_in_from_configured_origins_only(make_settings: SettingsFactory) -> None:
    settings = make_settings(cors_origins="https://app.example, http://localhost:3000")
    async with running(create_app(settings)) as app, client_of(app) as client:

        async def preflight(origin: str) -> httpx.Response:
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            return await client.options("/api/v1/auth/login", headers=headers)

        allowed = await preflight("https://app.example")
        assert allowed.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in allowed.headers
        for origin in ("https://evil.example", "https://app.example.evil.example", "null", "http://app.example"):
            assert "access-control-allow-origin" not in (await preflight(origin)).headers
        refused = await client.get("/api/v1/traces", headers={"Origin": "https://app.example"})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == "https://app.example"
        assert "X-Request-ID" in refused.headers["access-control-expose-headers"]
    with pytest.raises(ValueError, match="exact"):
        make_settings(cors_origins="*")


@pytest.mark.parametrize(
    ("dashboard", "origins"),
    [
        ("https://traces.example.com", {"https://traces.example.com"}),
        ("http://localhost:3010/", {"http://localhost:3010", "http://127.0.0.1:3010"}),
        ("http://127.0.0.1:3010", {"http://localhost:3010", "http://127.0.0.1:3010"}),
        ("http://localhost.example.com:3010", {"http://localhost.example.com:3010"}),
    ],
)
def test_the_dashboards_origin_is_allowed_under_each_of_its_names(
    make_settings: SettingsFactory, dashboard: str, origins: set[str]
) -> None:
    settings = make_settings(public_dashboard_url=dashboard)
    assert set(settings.browser_origins) == origins
    assert make_settings(cors_origins="https://app.example").browser_origins == ["https://app.example"]


async def test_the_document_describes_routes_and_errors(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    login = document["paths"]["/api/v1/auth/login"]["post"]
    assert login["responses"]["401"]["$ref"].endswith("/responses/Unauthorized")
    refused = document["components"]["responses"]["Unauthorized"]["content"]["application/json"]
    assert refused["schema"]["$ref"].endswith("EnvelopedError")
    assert refused["example"]["error"]["code"] == "unauthorized"
    assert {"/api/v1/team/invite", "/api/v1/traces", "/v1/traces"} <= document["paths"].keys()


async def test_readiness_names_each_dependency(client: httpx.AsyncClient) -> None:
    answer = await client.get("/ready")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert {name: checks[name] for name in ("postgres", "redis", "redis_cache")} == dict.fromkeys(
        ("postgres", "redis", "redis_cache"), "ok"
    )
    assert checks["ingestion"] != "ok"


async def test_S03_answers_hold_no_hashes_and_bodies_set_no_inner_fields(
    client: httpx.AsyncClient, database: Connection
) -> None:
    owner = await registering(client)()
    key = await create_key(client, owner, "admin")
    answers = [
        await client.get(path, headers=owner.headers)
        for path in (
            "/api/v1/auth/me",
            "/api/v1/api-keys",
            "/api/v1/workspace",
            "/api/v1/workspaces",
            "/api/v1/team/members",
        )
    ]
    for answer in answers:
        assert not re.search(r"hash|verifier|secret|salt|pbkdf2|\$2b\$", answer.text), answer.text
    inner = {
        "workspace_id": "6f1d1f0a-93b4-4a55-9fd4-0e6f8f2f7a11",
        "id": "6f1d1f0a-93b4-4a55-9fd4-0e6f8f2f7a11",
        "role": "owner",
        "platform_role": "platform_admin",
        "is_admin": True,
        "created_by": owner.user_id,
        "key_hash": "x",
        "number": 1,
    }
    before = await database.fetch("select * from users order by 1"), await database.fetch("select * from workspaces")
    for name, value in inner.items():
        refused = [
            await client.put("/api/v1/workspace", headers=owner.headers, json={"description": "d", name: value}),
            await client.put("/api/v1/auth/me", headers=owner.headers, json={"full_name": "f", name: value}),
            await client.post(
                "/api/v1/api-keys", headers=owner.headers, json={"name": "k", "scopes": ["read"], name: value}
            ),
        ]
        assert [answer.status_code for answer in refused] == [422] * 3
    after = await database.fetch("select * from users order by 1"), await database.fetch("select * from workspaces")
    assert before == after
    assert key["created_by"] == owner.user_id
