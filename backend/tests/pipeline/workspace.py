"""A workspace as its users see it through the gateway."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx

from tests.harness.platform import Platform
from tests.pipeline.captures import Captured


class Workspace:
    """A fresh workspace and its key."""

    def __init__(self, platform: Platform, client: httpx.Client, token: str, name: str) -> None:
        self.platform = platform
        headers = {"Authorization": f"Bearer {token}"}
        created = client.post("/api/v1/workspaces", json={"name": name}, headers=headers)
        assert created.status_code == 201, created.text
        self.id = created.json()["data"]["id"]
        switched = client.post("/api/v1/auth/switch", json={"workspace_id": self.id}, headers=headers)
        assert switched.status_code == 200, switched.text
        headers = {"Authorization": f"Bearer {switched.json()['access_token']}"}
        key = client.post("/api/v1/api-keys", json={"name": "replay", "scopes": ["ingest", "read"]}, headers=headers)
        assert key.status_code == 201, key.text
        self.client = httpx.Client(
            base_url=platform.url("gateway"), headers={"Authorization": f"Bearer {key.json()['key']}"}, timeout=60
        )

    def send(self, request: Captured) -> httpx.Response:
        return self.client.post(request.path, content=request.body, headers=request.headers)

    def get(self, path: str, **parameters: Any) -> Any:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def traces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/v1/traces", range="24h", limit=1000)
        return found

    def spans(self) -> Iterator[dict[str, Any]]:
        for trace in self.traces():
            yield from self.get(f"/api/v1/traces/{trace['trace_id']}")["spans"]

    async def ask(self, statement: str) -> Any:
        metadata = await asyncpg.connect(self.platform.postgres.dsn("metadata"))
        number = await metadata.fetchval("select number from workspaces where workspace_id = $1", self.id)
        await metadata.close()
        connection = await asyncpg.connect(self.platform.postgres.dsn("traces"))
        try:
            return await connection.fetchval(statement, number)
        finally:
            await connection.close()
