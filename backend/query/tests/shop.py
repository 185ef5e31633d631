"""The query service with prices, a caller, and what becomes of calls."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import orjson
from redis.asyncio import Redis

from query.app.config import Settings
from query.tests.conftest import WORKSPACE, WORKSPACE_IDS, Api, calling, headers_of, make_settings
from shared.pricing.book import PriceBook, load_book
from shared.pricing.seed import seed_prices
from shared.redis import connect
from shared.streams.contracts import events_stream

PATH = "/api/v1/prices"
USER = uuid.UUID("99999999-9999-4999-8999-999999999999")
RATES: dict[str, Any] = {"input": 2.5, "output": 10}


@dataclass
class Shop:
    """Asks for prices and looks at what became of it."""

    api: Api
    settings: Settings
    traces: asyncpg.Connection
    metadata: asyncpg.Connection
    redis: Redis

    async def call(
        self, method: str, path: str = "", body: Any = None, *, workspace: int = WORKSPACE, role: str = "member"
    ) -> httpx.Response:
        headers = headers_of(workspace, role=role)
        return await self.api.client.request(method, f"{PATH}{path}", json=body, headers=headers)

    async def add(self, model: str, *, workspace: int = WORKSPACE, **fields: Any) -> Any:
        answer = await self.call("POST", body={"model": model, "prices": RATES, **fields}, workspace=workspace)
        assert answer.status_code == 201, answer.text
        return answer.json()["data"]

    async def find(self, workspace: int = WORKSPACE, **params: Any) -> Any:
        return (await self.api.read(PATH, params, workspace=workspace))["data"]

    async def book(self) -> PriceBook:
        return await load_book(self.traces)

    async def events(self, workspace: int = WORKSPACE) -> list[Any]:
        entries: Any = await self.redis.xrange(events_stream(WORKSPACE_IDS[workspace]))
        return [(fields[b"e"].decode(), orjson.loads(fields[b"d"])) for _, fields in entries]

    async def audit(self) -> list[tuple[str, str, Any]]:
        rows = await self.metadata.fetch("select action, target_id, details::text as details from audit_log order by 1")
        return [(row["action"], row["target_id"], orjson.loads(row["details"])) for row in rows]


@asynccontextmanager
async def open_shop(
    traces_url: str, metadata_url: str, redis_url: str, database: asyncpg.Connection
) -> AsyncIterator[Shop]:
    """Run the service over the catalogue and two workspaces with a member."""
    metadata = await asyncpg.connect(metadata_url)
    await metadata.execute(
        "insert into users (user_id, email, full_name, password_hash) values ($1, 'a@example.com', 'n', 'x')", USER
    )
    for number, identifier in WORKSPACE_IDS.items():
        await metadata.execute(
            "insert into workspaces (workspace_id, number, name, slug) overriding system value values ($1, $2, $3, $3)",
            uuid.UUID(identifier),
            number,
            identifier,
        )
        await metadata.execute("insert into workspace_members values ($1, $2, 'member')", uuid.UUID(identifier), USER)
    settings = make_settings(traces_url).model_copy(update={"postgres_url": metadata_url, "redis_url": redis_url})
    redis = connect(redis_url)
    await seed_prices(database)
    async with calling(settings) as api:
        yield Shop(api, settings, database, metadata, redis)
    await redis.aclose()
    await metadata.close()
