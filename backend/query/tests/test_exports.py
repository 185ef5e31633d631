"""Exports: from asking for one to the file, whatever happens to the worker in between."""

import asyncio
import csv
import io
import os
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from pyarrow import parquet

from query.app.config import Settings
from query.app.exports import csv_rows, final_path, part_path
from query.app.jobs import HANDLERS
from query.app.worker import remove_files
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, WORKSPACE_IDS, Api, calling, headers_of, make_settings
from shared.jobs.runner import run_job
from shared.testing.traces import store_trace

USER = uuid.UUID("99999999-9999-4999-8999-999999999999")
PATH = "/api/v1/exports"
TRACES = 2_300


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

    async def run(self, export: Mapping[str, Any]) -> Any:
        """Run the job and return the export as it is then."""
        await run_job(
            uuid.UUID(WORKSPACE_IDS[WORKSPACE]),
            uuid.UUID(export["id"]),
            service="query",
            worker="tests",
            handlers=HANDLERS,
            settings=self.settings,
            stopping=threading.Event(),
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


@pytest.fixture
async def desk(
    traces_url: str, metadata_url: str, redis_url: str, database: asyncpg.Connection, tmp_path: Path
) -> AsyncIterator[Desk]:
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
    changes = {"postgres_url": metadata_url, "redis_url": redis_url, "export_dir": str(tmp_path)}
    settings = make_settings(traces_url).model_copy(update=changes)
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


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
async def test_a_file_holds_each_trace_once_oldest_first(desk: Desk, file_format: str) -> None:
    await store_many(desk.database, TRACES)
    await store_trace(desk.database, OTHER_WORKSPACE, "theirs")
    fields = ["trace_id", "start_time", "agent_id", "cost_usd", "tags", "metadata"]
    done, content = await desk.make({"format": file_format, "range": "24h", "fields": fields})
    if file_format == "parquet":
        rows = parquet.read_table(io.BytesIO(content)).to_pylist()
    elif file_format == "csv":
        rows = list(csv.DictReader(io.StringIO(content.decode())))
    else:
        rows = [orjson.loads(line) for line in content.splitlines()]
    assert done["rows"] == len(rows) == TRACES
    assert list(rows[0]) == fields
    assert [int(row["trace_id"], 16) for row in rows] == list(range(TRACES))
    assert float(rows[5]["cost_usd"]) == -5e-9
    assert rows[0]["agent_id"] == "a"


async def test_filters_are_those_of_a_search_and_are_checked_at_once(desk: Desk) -> None:
    for number, agent in enumerate(("keep", "leave", "keep")):
        await store_trace(desk.database, WORKSPACE, f"t{number}", agent_id=agent)
    tree = {"field": "agent_id", "op": "eq", "value": "keep"}
    done, content = await desk.make({"format": "jsonl", "filter": tree, "fields": ["agent_id"]})
    assert done["rows"] == 2
    assert {orjson.loads(line)["agent_id"] for line in content.splitlines()} == {"keep"}
    for body in (
        {"format": "xlsx"},
        {"format": "csv", "fields": ["nonsense"]},
        {"format": "csv", "filter": {"field": "agent", "op": "eq", "value": 1}},
        {"format": "csv", "range": "10y"},
        {"format": "csv", "path": "/etc/passwd"},
    ):
        assert (await desk.ask(body)).status_code == 422, body


async def test_S47_S10_files_are_named_by_ids_and_belong_to_who_asked(desk: Desk, tmp_path: Path) -> None:
    await store_trace(desk.database, WORKSPACE, "one")
    done, _ = await desk.make({"format": "csv"})
    assert final_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], done["id"], "csv").is_file()
    assert (await desk.state(done["id"], workspace=OTHER_WORKSPACE)).status_code == 404
    assert (await desk.state("..%2f..%2fetc")).status_code == 404
    assert (await desk.ask({"format": "csv"}, role="viewer")).status_code == 403
    foreign = await desk.api.get(done["download_url"], headers=headers_of(OTHER_WORKSPACE, role="owner"))
    assert foreign.status_code == 404
    actions = await desk.metadata.fetch("select action from audit_log order by audit_id")
    assert [row["action"] for row in actions] == ["create_export", "download_export"]


async def test_nothing_is_had_before_the_end_nor_after_it_expired(desk: Desk, tmp_path: Path) -> None:
    await store_trace(desk.database, WORKSPACE, "one")
    waiting = (await desk.ask({"format": "csv"})).json()["data"]
    assert waiting["download_url"] is None
    early = await desk.api.get(f"{PATH}/{waiting['id']}/download", headers=headers_of(WORKSPACE, role="member"))
    assert early.status_code == 409
    done = await desk.run(waiting)
    path = final_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], done["id"], "csv")
    part = part_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], str(uuid.uuid4()))
    part.write_bytes(b"left behind")
    for file, days in ((path, 6), (part, 2)):
        age = datetime.now(UTC).timestamp() - days * 86_400
        os.utime(file, (age, age))
    assert remove_files(tmp_path, 7) == 1
    assert remove_files(tmp_path, 5) == 1
    gone = await desk.api.get(done["download_url"], headers=headers_of(WORKSPACE, role="member"))
    assert gone.status_code == 404
    assert (await desk.state(done["id"])).json()["data"]["download_url"] is None


_CHILD = """
import os, signal, sys, threading, uuid
from query.app import exports
from query.app.config import Settings
from query.app.jobs import HANDLERS
from shared.jobs.runner import run_job
import asyncio
written = []
sync = exports.sync
def sync_and_die(file):
    sync(file)
    written.append(1)
    if len(written) == 3:
        file.write(b"half a line that was never noted down")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
exports.sync = sync_and_die
asyncio.run(run_job(uuid.UUID(sys.argv[1]), uuid.UUID(sys.argv[2]), service="query", worker="child",
    handlers=HANDLERS, settings=Settings(), stopping=threading.Event()))
"""


async def test_a_killed_worker_leaves_a_file_that_the_next_completes_once(desk: Desk, tmp_path: Path) -> None:
    await store_many(desk.database, TRACES * 2)
    export = (await desk.ask({"format": "jsonl", "fields": ["trace_id"], "range": "24h"})).json()["data"]
    names = ("timescale_url", "postgres_url", "redis_url", "export_dir")
    secrets = ("jwt_secret", "api_key_salt", "internal_token_secret")
    environment = {
        **os.environ,
        **{name.upper(): str(getattr(desk.settings, name)) for name in names},
        **{name.upper(): getattr(desk.settings, name).get_secret_value() for name in secrets},
    }
    command = [sys.executable, "-c", _CHILD, WORKSPACE_IDS[WORKSPACE], export["id"]]
    child = await asyncio.to_thread(subprocess.run, command, env=environment, timeout=60, check=False)
    assert child.returncode == -9
    assert part_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], export["id"]).stat().st_size
    # Its heart stopped; nobody waits for that in a test.
    await desk.metadata.execute("update jobs set heartbeat_at = now() - interval '1 minute'")
    done = await desk.run(export)
    assert done["status"] == "succeeded"
    file = await desk.api.get(done["download_url"], headers=headers_of(WORKSPACE, role="member"))
    assert [int(orjson.loads(line)["trace_id"], 16) for line in file.content.splitlines()] == list(range(TRACES * 2))


async def test_cancelling_ends_an_export_and_removes_what_it_wrote(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_many(desk.database, TRACES)
    export = (await desk.ask({"format": "csv", "range": "24h"})).json()["data"]
    monkeypatch.setattr("query.app.jobs.export._REST_SHARE", 500.0)
    running = asyncio.create_task(desk.run(export))
    async with asyncio.timeout(20):
        while (await desk.state(export["id"])).json()["data"]["status"] != "running":
            await asyncio.sleep(0.05)
    await desk.metadata.execute("update jobs set cancel_requested_at = now()")
    async with asyncio.timeout(15):
        assert (await running)["status"] == "cancelled"
    assert [path for path in tmp_path.rglob("*") if path.suffix == ".csv"] == []


FORMULAS = [
    "=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "'=1", '"=1', "＝1", "＋1", "－1", "＠1",
    "\0=1", "\u200b=1", "\ufeff=1", '=HYPERLINK("http://evil.example")', "=IMPORTXML(A1)", "-2+3+cmd|' /C calc'!A0",
]  # fmt: skip


async def test_S41_no_text_is_a_formula_and_numbers_stay_numbers() -> None:
    pick = random.Random(41)
    for formula in [*FORMULAS, *("".join(pick.choices("=+-@\t\r\n ,\"'a1", k=6)) for _ in range(200))]:
        values = {"text": formula, "list": [formula], "object": {formula: formula}, "number": -1.5, "none": None}
        line = csv_rows([values], list(values)).decode()
        (cells,) = list(csv.reader(io.StringIO(line, newline="")))
        assert cells[3:] == ["-1.5", ""]
        for cell in cells[:3]:
            first = cell.lstrip('\u200b\ufeff \n"')[:1]
            assert first not in tuple("=+-@\t\r＝＋－＠"), (formula, cell)
            assert "\0" not in cell
