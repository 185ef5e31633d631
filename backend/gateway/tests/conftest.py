"""Fixtures: a gateway on real servers, and clients of it."""

import json
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from fastapi import FastAPI

from gateway.app.config import Settings
from gateway.app.main import create_app
from shared.database import Connection
from shared.logging import configure_logging

PASSWORD = "violet kettle 94 rain"
CLIENT = ("192.0.2.10", 40_000)

SettingsFactory = Callable[..., Settings]


@dataclass(frozen=True)
class Account:
    """A registered user: the answer to the registration, and a header to act as them."""

    email: str
    body: dict[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.body['access_token']}"}

    @property
    def user_id(self) -> str:
        return str(self.body["user"]["id"])

    @property
    def workspace_id(self) -> str:
        return str(self.body["workspace"]["id"])


Register = Callable[..., Awaitable[Account]]


@pytest.fixture(scope="session")
def installation_secrets() -> dict[str, str]:
    return {name: secrets.token_urlsafe(40) for name in ("jwt_secret", "api_key_salt", "internal_token_secret")}


@pytest.fixture
def make_settings(metadata_url: str, redis_url: str, installation_secrets: dict[str, str]) -> SettingsFactory:
    def make(**changes: Any) -> Settings:
        values: dict[str, Any] = {
            "timescale_url": metadata_url,
            "postgres_url": metadata_url,
            "redis_url": redis_url,
            "password_cost": 4,
            "limit_anonymous_burst": 10_000,
            "ingestion_url": "http://127.0.0.1:9",
            "processing_url": "http://127.0.0.1:9",
            "query_url": "http://127.0.0.1:9",
            **installation_secrets,
            **changes,
        }
        return Settings(**values)

    return make


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Run an application's start and stop."""
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, address: tuple[str, int] = CLIENT, **headers: str) -> httpx.AsyncClient:
    """Return a client that reaches an application without a network, from any address."""
    transport = httpx.ASGITransport(app, client=address, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://gateway.test", headers=headers, timeout=30)


@pytest.fixture
async def app(make_settings: SettingsFactory) -> AsyncIterator[FastAPI]:
    async with running(create_app(make_settings())) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def register(client: httpx.AsyncClient) -> Register:
    return registering(client)


def registering(client: httpx.AsyncClient) -> Register:
    """Return a function that registers users through a client."""

    async def register(name: str = "user", **fields: Any) -> Account:
        email = f"{name}-{uuid.uuid4().hex[:8]}@people.example"
        body = {"email": email, "password": PASSWORD, "full_name": name, "workspace_name": f"{name} space", **fields}
        answer = await client.post("/api/v1/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return Account(body["email"], answer.json())

    return register


@pytest.fixture
async def database(metadata_url: str) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(metadata_url)
    yield connection
    await connection.close()


async def join(client: httpx.AsyncClient, owner: Account, role: str) -> Account:
    """Return a new user who was invited into the owner's workspace."""
    email = f"{role}-{uuid.uuid4().hex[:8]}@people.example"
    invited_as = role if role != "owner" else "admin"
    answer = await client.post("/api/v1/team/invite", headers=owner.headers, json={"email": email, "role": invited_as})
    assert answer.status_code == 201, answer.text
    token = answer.json()["data"]["link"].partition("token=")[2]
    answer = await client.post("/api/v1/team/accept", json={"token": token, "full_name": role, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    account = Account(email, answer.json()["data"])
    if role == "owner":
        path = f"/api/v1/team/members/{account.user_id}/role"
        assert (await client.put(path, headers=owner.headers, json={"role": "owner"})).status_code == 200
    return account


async def create_key(client: httpx.AsyncClient, owner: Account, *scopes: str, **fields: Any) -> dict[str, Any]:
    """Return the answer to the creation of an API key."""
    body = {"name": "key", "scopes": list(scopes), **fields}
    answer = await client.post("/api/v1/api-keys", headers=owner.headers, json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


@pytest.fixture
def read_log(make_settings: SettingsFactory, tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Yield a function that returns the lines the process has logged as JSON."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure_logging(make_settings(log_dir=str(tmp_path)), "gateway")

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in (tmp_path / "gateway.log").read_text().splitlines()]

    yield read
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
