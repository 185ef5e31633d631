"""Access and refresh tokens: forged, misused, used twice, and out of date."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from jose import jwt

from gateway.app.tokens import AccessTokens, InvalidTokenError, OpaqueTokens
from gateway.tests.conftest import PASSWORD, Account, Register, SettingsFactory, join
from shared.auth.context import AuthContext
from shared.auth.internal import InternalTokenIssuer, InternalTokenVerifier
from shared.database import Connection
from shared.errors import UnauthorizedError


def encode(value: dict[str, Any] | bytes) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forge(header: dict[str, Any] | bytes, claims: dict[str, Any], secret: str, digest: str = "sha256") -> str:
    signed = f"{encode(header)}.{encode(claims)}"
    return f"{signed}.{encode(hmac.digest(secret.encode(), signed.encode(), digest))}"


def claims_of(account: Account, **changes: Any) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.get_unverified_claims(account.body["access_token"])
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


@pytest.fixture
def secret(make_settings: SettingsFactory) -> str:
    return make_settings().jwt_secret.get_secret_value()


async def me(client: httpx.AsyncClient, token: str) -> int:
    return (await client.get("/api/v1/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code


FORGERIES: dict[str, Callable[[dict[str, Any], str], str]] = {
    "alg none": lambda claims, _: f"{encode({'alg': 'none', 'typ': 'JWT'})}.{encode(claims)}.",
    "alg nOnE": lambda claims, _: f"{encode({'alg': 'nOnE', 'typ': 'JWT'})}.{encode(claims)}.x",
    "empty signature": lambda claims, _: f"{encode({'alg': 'HS256', 'typ': 'JWT'})}.{encode(claims)}.",
    "another secret": lambda claims, _: forge({"alg": "HS256", "typ": "JWT"}, claims, "x" * 40),
    "public key as secret": lambda claims, _: forge(
        {"alg": "HS256", "typ": "JWT"}, claims, "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
    ),
    "HS512": lambda claims, secret: forge({"alg": "HS512", "typ": "JWT"}, claims, secret, "sha512"),
    "RS256": lambda claims, secret: forge({"alg": "RS256", "typ": "JWT"}, claims, secret),
    "ES256": lambda claims, secret: forge({"alg": "ES256", "typ": "JWT"}, claims, secret),
    "crit": lambda claims, secret: forge({"alg": "HS256", "typ": "JWT", "crit": ["x"], "x": 1}, claims, secret),
    "jku": lambda claims, secret: forge({"alg": "HS256", "typ": "JWT", "jku": "http://127.0.0.1:9/k"}, claims, secret),
    "x5u": lambda claims, secret: forge({"alg": "HS256", "typ": "JWT", "x5u": "http://127.0.0.1:9/c"}, claims, secret),
    "jwk": lambda claims, secret: forge({"alg": "HS256", "typ": "JWT", "jwk": {"k": "eA"}}, claims, secret),
    "kid path": lambda claims, secret: forge({"alg": "HS256", "typ": "JWT", "kid": "../../dev/null"}, claims, secret),
    "kid sql": lambda claims, secret: forge({"alg": "HS256", "kid": "' or 1=1--", "typ": "JWT"}, claims, secret),
    "duplicate alg": lambda claims, secret: forge(b'{"alg":"HS256","alg":"none","typ":"JWT"}', claims, secret),
    "huge": lambda claims, secret: forge({"alg": "HS256", "typ": "JWT"}, {**claims, "x": "y" * 7000}, secret),
    "JWE": lambda claims, _: f"{encode({'alg': 'dir', 'enc': 'A256GCM', 'zip': 'DEF'})}..{'A' * 16}.{'A' * 2000}.AAAA",
    "dots": lambda claims, _: ".." * 50,
    "no JSON": lambda claims, secret: f"{encode({'alg': 'HS256', 'typ': 'JWT'})}.AAAA.AAAA",
    "not ASCII": lambda claims, _: "\xfe\xff.\xfe.\xff",
}


@pytest.mark.parametrize("kind", FORGERIES)
async def test_S19_forged_tokens_are_refused(
    client: httpx.AsyncClient, register: Register, secret: str, kind: str
) -> None:
    account = await register()
    assert await me(client, forge({"alg": "HS256", "typ": "JWT"}, claims_of(account), secret)) == 401, (
        "even a right signature needs the one header that is issued here"
    )
    token = FORGERIES[kind](claims_of(account), secret)
    headers = {b"Authorization": f"Bearer {token}".encode("latin-1")}
    answer = await client.get("/api/v1/auth/me", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


def test_S19_the_one_header_is_accepted_and_no_other_text(secret: str) -> None:
    tokens = AccessTokens(secret, 30)
    token = tokens.issue(uuid.uuid4(), uuid.uuid4(), uuid.uuid4())
    assert tokens.read(token).expires_at > time.time()
    header, payload, signature = token.split(".")
    for changed in (
        f"{header}.{payload}.{signature[:-2]}",
        f"{header}.{payload}.{signature}.x",
        f" {token}",
        token[1:],
    ):
        with pytest.raises(InvalidTokenError):
            tokens.read(changed)


SOMEBODY = "6f1d1f0a-93b4-4a55-9fd4-0e6f8f2f7a11"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": -60},
        {"exp": None},
        {"exp": "tomorrow"},
        {"nbf": 3600},
        {"nbf": None},
        {"iat": 3600},
        {"iat": None},
        {"aud": "ingestion"},
        {"aud": None},
        {"iss": "somebody"},
        {"iss": None},
        {"typ": "refresh"},
        {"typ": "internal"},
        {"typ": None},
        {"sub": None},
        {"sub": "not a uuid"},
        {"sid": None},
        {"sid": SOMEBODY},
        {"ws": None},
        {"ws": SOMEBODY},
    ],
    ids=str,
)
async def test_S20_every_claim_is_checked(
    client: httpx.AsyncClient, register: Register, secret: str, changes: dict[str, Any]
) -> None:
    account, now = await register(), int(time.time())
    changes = {name: now + value if isinstance(value, int) else value for name, value in changes.items()}
    assert await me(client, jwt.encode(claims_of(account), secret, algorithm="HS256")) == 200
    assert await me(client, jwt.encode(claims_of(account, **changes), secret, algorithm="HS256")) == 401


async def test_S20_tokens_of_one_kind_are_not_another(
    client: httpx.AsyncClient, register: Register, make_settings: SettingsFactory
) -> None:
    account = await register()
    assert await me(client, account.body["refresh_token"]) == 401
    refreshed = await client.post("/api/v1/auth/refresh", json={"refresh_token": account.body["access_token"]})
    assert refreshed.status_code in (401, 422)
    body = {"token": account.body["refresh_token"], "new_password": PASSWORD}
    assert (await client.post("/api/v1/auth/reset-password", json=body)).status_code == 422
    internal = make_settings().internal_token_secret.get_secret_value()
    context = AuthContext(account.workspace_id, 1, "user", account.user_id, role="owner")
    token = InternalTokenIssuer(internal).issue(context, "query")
    assert await me(client, token) == 401
    with pytest.raises(UnauthorizedError):
        InternalTokenVerifier(internal, "processing").verify(token, account.workspace_id)
    hashes = OpaqueTokens("s" * 40)
    assert len({hashes.hash("token", purpose) for purpose in ("refresh", "reset", "invitation")}) == 3


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh_token": token})


async def test_S21_a_token_used_twice_ends_the_whole_family(
    client: httpx.AsyncClient, register: Register, database: Connection, read_log: Callable[[], list[Any]]
) -> None:
    account = await register()
    first = account.body["refresh_token"]
    second = (await refresh(client, first)).json()
    third = (await refresh(client, second["refresh_token"])).json()
    assert await me(client, third["access_token"]) == 200
    await database.execute("update refresh_tokens set consumed_at = consumed_at - interval '11 seconds'")
    again = await refresh(client, first)
    assert (again.status_code, again.json()["error"]["code"]) == (401, "refresh_token_invalid")
    assert (await refresh(client, third["refresh_token"])).status_code == 401
    for token in (account.body["access_token"], second["access_token"], third["access_token"]):
        assert await me(client, token) == 401
    event = await database.fetchrow("select * from audit_log where action = 'refresh_token_reused'")
    assert (event["result"], event["actor_id"]) == ("failure", uuid.UUID(account.user_id))
    assert any(line["event"] == "refresh_token_reused" for line in read_log())
    assert (await client.post("/api/v1/auth/login", json={"email": account.email, "password": PASSWORD})).is_success


async def test_S21_two_tabs_get_the_same_successor(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    account = await register()
    answers = await asyncio.gather(*(refresh(client, account.body["refresh_token"]) for _ in range(5)))
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert (await refresh(client, successors.pop())).status_code == 200
    stored = await database.fetch("select token_hash, successor_sealed from refresh_tokens")
    assert len(stored) == 3
    sealed = b" ".join(row["successor_sealed"] or b"" for row in stored)
    assert all(answer.json()["refresh_token"].encode() not in sealed for answer in answers)


async def test_S21_a_session_ends_however_often_it_is_refreshed(
    client: httpx.AsyncClient, register: Register, database: Connection
) -> None:
    account = await register()
    token = (await refresh(client, account.body["refresh_token"])).json()["refresh_token"]
    await database.execute("update sessions set expires_at = now() - interval '1 second'")
    assert (await refresh(client, token)).status_code == 401
    await database.execute("update sessions set expires_at = now() + interval '1 day'")
    await database.execute("update refresh_tokens set expires_at = now() - interval '1 second'")
    assert (await refresh(client, token)).status_code == 401
    assert (await refresh(client, "A" * 43)).status_code == 401


async def test_S22_what_ends_access_ends_it_at_once(client: httpx.AsyncClient, register: Register) -> None:
    owner = await register()
    member, viewer, leaver = [await join(client, owner, role) for role in ("member", "viewer", "member")]
    for account in (owner, member, viewer, leaver):
        assert await me(client, account.body["access_token"]) == 200
    assert (await client.post("/api/v1/auth/logout", headers=viewer.headers)).status_code == 204
    assert await me(client, viewer.body["access_token"]) == 401
    assert (await refresh(client, viewer.body["refresh_token"])).status_code == 401

    path = f"/api/v1/team/members/{member.user_id}/role"
    keys = await client.get("/api/v1/api-keys", headers=member.headers)
    assert keys.status_code == 200
    assert (await client.put(path, headers=owner.headers, json={"role": "viewer"})).status_code == 200
    assert (await client.get("/api/v1/api-keys", headers=member.headers)).status_code == 403

    removed = await client.delete(f"/api/v1/team/members/{leaver.user_id}", headers=owner.headers)
    assert removed.status_code == 200
    assert await me(client, leaver.body["access_token"]) == 401

    assert (await client.delete("/api/v1/workspace", headers=owner.headers)).status_code == 200
    assert await me(client, owner.body["access_token"]) == 401
    assert await me(client, member.body["access_token"]) == 401


async def test_S22_another_mail_address_needs_the_password(client: httpx.AsyncClient, register: Register) -> None:
    account = await register()
    for body in ({"email": "thief@example.com"}, {"email": "thief@example.com", "password": "guess guess"}):
        answer = await client.put("/api/v1/auth/me", headers=account.headers, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "wrong_password")


def test_sealed_successors_open_for_their_token_only() -> None:
    tokens = OpaqueTokens("s" * 40)
    sealed = tokens.seal_successor("next", "presented")
    assert hashlib.sha256(b"next").digest() not in sealed
    assert tokens.open_successor(sealed, "presented") == "next"
    for other in (OpaqueTokens("t" * 40), tokens):
        with pytest.raises(InvalidTokenError):
            other.open_successor(sealed, "presented" if other is not tokens else "another")
