"""A desk that asks the query service for exports and runs their jobs in the test's process."""

import threading
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx

from query.app.config import Settings
from query.app.jobs import HANDLERS
from query.tests.conftest import WORKSPACE, WORKSPACE_IDS, Api, calling, headers_of, make_settings
from shared.jobs.runner import run_job
from shared.testing.traces import store_trace

USER = uuid.UUID("99999999-9999-4999-8999-999999999999")
PATH = "/api/v1/exports"


@dataclass
class Desk:
    """Asks for exports and runs their jobs in this process."""

    api: Api
    settings: Settings
    metadata: asyncpg.Connection
    database: asyncpg.Connection

    async def ask(self, body: Mapping[str, Any], *, workspace: int = WORKSPACE, role: str = "member") -> httpx.Response:
        headers = headers_of(workspace, role=role)
        return await self.api.client.post(PATH, json=dict(body), headers=headers)

    async def run(self, export: Mapping[str, Any], stopping: threading.Event | None = None) -> Any:
        """Run the job, until the event is set, and return the export as it is then."""
        await run_job(
            uuid.UUID(WORKSPACE_IDS[WORKSPACE]),
            uuid.UUID(export["id"]),
            service="query",
            worker="tests",
            handlers=HANDLERS,
            settings=self.settings,
            stopping=stopping or threading.Event(),
        )
        return (await self.state(export["id"])).json()["data"]

    async def state(self, identifier: str, *, workspace: int = WORKSPACE, role: str = "member") -> httpx.Response:
        return await self.api.get(f"{PATH}/{identifier}", headers=headers_of(workspace, role=role))

    async def make(self, body: Mapping[str, Any]) -> tuple[Any, bytes]:
        """Return a finished export and its file."""
        answer = await self.ask(body)
        assert answer.status_code == 202, answer.text
        done = await self.run(answer.json()["data"])
        assert done["status"] == "succeeded", done
        file = await self.api.get(done["download_url"], headers=headers_of(WORKSPACE, role="member"))
        assert file.status_code == 200
        assert len(file.content) == done["bytes"]
        return done, file.content


@asynccontextmanager
async def open_desk(
    database: asyncpg.Connection, traces_url: str, metadata_url: str, **changes: Any
) -> AsyncIterator[Desk]:
    """Yield a desk in two workspaces; ``changes`` are settings."""
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
    settings = Settings(**{**dict(make_settings(traces_url)), "postgres_url": metadata_url, **changes})
    async with calling(settings) as api:
        yield Desk(api, settings, metadata, database)
    await metadata.close()


async def store_many(database: asyncpg.Connection, count: int) -> None:
    """Store traces by copying one, as thousands are wanted."""
    start = datetime.now(UTC) - timedelta(hours=20)
    await store_trace(database, WORKSPACE, "0" * 32, start_time=start, agent_id="a", cost_nano=-5, metadata={"k": "v"})
    columns = await database.fetch(
        "select column_name from information_schema.columns where table_name = 'traces' order by ordinal_position"
    )
    names = [row["column_name"] for row in columns]
    values = [
        "lpad(to_hex(n), 32, '0')::uuid"
        if name == "trace_id"
        else "t.start_time + n * interval '10 seconds'"
        if name == "start_time"
        else f"t.{name}"
        for name in names
    ]
    await database.execute(
        f"insert into traces ({', '.join(names)}) select {', '.join(values)}"
        f" from traces t, generate_series(1, {count - 1}) n where t.trace_id = $1",
        uuid.UUID(int=0),
    )
