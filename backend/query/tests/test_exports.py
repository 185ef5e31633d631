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
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from pyarrow import parquet

from query.app.exports import csv_rows, json_rows
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, WORKSPACE_IDS, headers_of
from query.tests.desk import PATH, Desk, open_desk, store_many
from query.tests.test_injection import CORPUS
from shared.exports import CHUNK_BYTES, FolderStorage, key_of, part_path
from shared.jobs.client import MAX_UNFINISHED
from shared.testing.traces import store_trace

TRACES = 2_300


@pytest.fixture
async def desk(
    traces_url: str, metadata_url: str, redis_url: str, database: asyncpg.Connection, tmp_path: Path
) -> AsyncIterator[Desk]:
    async with open_desk(database, traces_url, metadata_url, redis_url=redis_url, export_dir=str(tmp_path)) as opened:
        yield opened


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
        {"format": "csv", "q": "a\0b"},
    ):
        assert (await desk.ask(body)).status_code == 422, body
    assert (await desk.ask({"format": "csv", "q": None, "filter": None, "fields": None})).status_code == 202
    answer = await desk.api.client.post("/api/v1/traces/search", json={"q": None}, headers=headers_of(WORKSPACE))
    assert answer.status_code == 200


async def test_S47_S10_files_are_named_by_ids_and_belong_to_who_asked(desk: Desk, tmp_path: Path) -> None:
    await store_trace(desk.database, WORKSPACE, "one")
    done, _ = await desk.make({"format": "csv"})
    assert (tmp_path / key_of(WORKSPACE_IDS[WORKSPACE], done["id"], "csv")).is_file()
    assert (await desk.state(done["id"], workspace=OTHER_WORKSPACE)).status_code == 404
    assert (await desk.state("..%2f..%2fetc")).status_code == 404
    assert (await desk.ask({"format": "csv"}, role="viewer")).status_code == 403
    foreign = await desk.api.get(done["download_url"], headers=headers_of(OTHER_WORKSPACE, role="owner"))
    assert foreign.status_code == 404
    actions = await desk.metadata.fetch("select action from audit_log order by audit_id")
    assert [row["action"] for row in actions] == ["create_export", "download_export"]


async def test_a_part_of_a_file_can_be_had_and_the_rest_later(desk: Desk) -> None:
    await store_many(desk.database, 50)
    done, content = await desk.make({"format": "jsonl", "range": "24h", "fields": ["trace_id"]})
    size = len(content)

    async def ask(**headers: str) -> httpx.Response:
        given = headers_of(WORKSPACE, role="member") | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await desk.api.get(done["download_url"], headers=given)

    whole = await ask()
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-disposition"].startswith('attachment; filename="traces-')
    for wanted, start, end in (
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=-{size + 5}", 0, size),
        (f"bytes={size - 1}-{size + 100}", size - 1, size),
    ):
        part = await ask(range=wanted)
        assert (part.status_code, part.content) == (206, content[start:end]), wanted
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
    for wanted in (f"bytes={size}-", "bytes=-0", f"bytes={size + 5}-{size + 9}"):
        refused = await ask(range=wanted)
        assert (refused.status_code, refused.json()["error"]["code"]) == (416, "range_not_satisfiable"), wanted
        assert refused.headers["content-range"] == f"bytes */{size}"
    for wanted in ("bytes=5-2", "bytes=0-1,5-6", "lines=0-1", "bytes=a-b", "bytes=-", "9" * 500):
        assert (await ask(range=wanted)).content == content, wanted
    assert (await ask(range="bytes=0-9", if_range=whole.headers["etag"])).status_code == 206
    assert (await ask(range="bytes=0-9", if_range='"another"')).content == content


async def test_nothing_is_had_before_the_end_nor_after_it_expired(desk: Desk, tmp_path: Path) -> None:
    await store_trace(desk.database, WORKSPACE, "one")
    waiting = (await desk.ask({"format": "csv"})).json()["data"]
    assert waiting["download_url"] is None
    early = await desk.api.get(f"{PATH}/{waiting['id']}/download", headers=headers_of(WORKSPACE, role="member"))
    assert early.status_code == 409
    done = await desk.run(waiting)
    path = tmp_path / key_of(WORKSPACE_IDS[WORKSPACE], done["id"], "csv")
    part = part_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], str(uuid.uuid4()))
    part.write_bytes(b"left behind")
    for file, days in ((path, 6), (part, 2)):
        age = datetime.now(UTC).timestamp() - days * 86_400
        os.utime(file, (age, age))
    other = path.with_name("notes.csv")
    other.write_bytes(b"of somebody else")
    os.utime(other, (0, 0))
    assert await FolderStorage(tmp_path).remove_older(7) == 1
    assert await FolderStorage(tmp_path).remove_older(5) == 1
    assert other.exists()
    gone = await desk.api.get(done["download_url"], headers=headers_of(WORKSPACE, role="member"))
    assert gone.status_code == 404
    assert (await desk.state(done["id"])).json()["data"]["download_url"] is None


_CHILD = """
import os, signal, sys, threading, uuid
from query.app import exports
from query.app.config import Settings
from query.app.jobs import HANDLERS
from shared.exports import CHUNK_BYTES, FolderStorage, key_of, part_path
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


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
async def test_a_run_that_ended_without_saying_so_is_done_again(desk: Desk, file_format: str) -> None:
    done, content = await desk.make({"format": file_format, "fields": ["trace_id"]})
    assert done["rows"] == 0
    await desk.metadata.execute("update jobs set status = 'queued', finished_at = null, result = null")
    again = await desk.run(done)
    assert (again["status"], again["rows"], again["bytes"]) == ("succeeded", 0, len(content))


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
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_worker_that_stops_leaves_what_it_wrote_to_the_next(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_many(desk.database, TRACES)
    export = (await desk.ask({"format": "jsonl", "range": "24h", "fields": ["trace_id"]})).json()["data"]
    part = part_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], export["id"])
    monkeypatch.setattr("query.app.jobs.export._REST_SHARE", 500.0)
    stopping = threading.Event()
    running = asyncio.create_task(desk.run(export, stopping))
    async with asyncio.timeout(20):
        while not part.exists() or not part.stat().st_size:
            await asyncio.sleep(0.05)
    stopping.set()
    assert (await running)["status"] == "queued"
    kept = part.read_bytes()
    assert kept
    monkeypatch.undo()
    done = await desk.run(export)
    assert (done["status"], done["rows"]) == ("succeeded", TRACES)
    path = tmp_path / key_of(WORKSPACE_IDS[WORKSPACE], export["id"], "jsonl")
    assert path.read_bytes().startswith(kept)
    lines = await desk.metadata.fetch("select message from job_logs")
    assert not [line for line in lines if "beginning anew" in line["message"]]


async def test_S10_an_export_under_way_ends_when_who_asked_leaves(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_many(desk.database, TRACES)
    export = (await desk.ask({"format": "csv", "range": "24h"})).json()["data"]
    monkeypatch.setattr("query.app.jobs.export._REST_SHARE", 500.0)
    running = asyncio.create_task(desk.run(export))
    async with asyncio.timeout(20):
        while (await desk.state(export["id"])).json()["data"]["status"] != "running":
            await asyncio.sleep(0.05)
    await desk.metadata.execute("delete from workspace_members")
    async with asyncio.timeout(15):
        done = await running
    assert (done["status"], done["download_url"]) == ("cancelled", None)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_page_at_a_time_is_in_memory(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[int] = []

    def spy(views: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> bytes:
        pages.append(len(views))
        return json_rows(views, fields)

    monkeypatch.setattr("query.app.exports.json_rows", spy)
    await store_many(desk.database, TRACES * 2)
    done, content = await desk.make({"format": "jsonl", "range": "24h"})
    assert sum(pages) == TRACES * 2
    assert max(pages) <= 1000
    key = key_of(WORKSPACE_IDS[WORKSPACE], done["id"], "jsonl")
    pieces = [piece async for piece in FolderStorage(tmp_path).read(key, 0, len(content))]
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= CHUNK_BYTES < len(content)


async def test_S42_S46_filters_are_data_or_refused_at_once(desk: Desk) -> None:
    await store_trace(desk.database, OTHER_WORKSPACE, "theirs", agent_id="theirs")
    taken = []
    for text in CORPUS:
        for leaf in (
            ("agent_id", "eq", text),
            (text, "eq", "a"),
            ("agent_id", text, "a"),
            ("metadata.plan", "eq", text),
        ):
            tree = dict(zip(("field", "op", "value"), leaf, strict=True))
            answer = await desk.ask({"format": "jsonl", "filter": tree})
            assert answer.status_code in (202, 422), (tree, answer.text)
            if answer.status_code == 202:
                taken.append(answer.json()["data"])
        assert (await desk.ask({"format": "jsonl", "fields": [text]})).status_code == 422
    assert len(taken) > len(CORPUS)
    for export in taken:
        done = await desk.run(export)
        assert (done["status"], done["rows"]) == ("succeeded", 0), done
    assert await desk.database.fetchval("select count(*) from traces") == 1
    for body in (b'{"format": "csv", "filter": {"field": "agent_id", "op": "eq", "value": NaN}}', b"[" * 2000, b"null"):
        headers = headers_of(WORKSPACE, role="member") | {"Content-Type": "application/json"}
        answer = await desk.api.client.post(PATH, content=body, headers=headers)
        assert answer.status_code in (400, 422), answer.text


async def test_S55_exports_are_bounded_in_range_fields_and_number(desk: Desk) -> None:
    for body in (
        {"range": "10y"},
        {"from": "2016-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"fields": ["trace_id"] * 65},
        {"filter": {"and": [{"field": "status", "op": "eq", "value": "error"}] * 10_000}},
    ):
        assert (await desk.ask({"format": "csv", **body})).status_code == 422, body
    for _ in range(MAX_UNFINISHED):
        assert (await desk.ask({"format": "csv"})).status_code == 202
    refused = await desk.ask({"format": "csv"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 0


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
