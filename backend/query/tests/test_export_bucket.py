"""Exports in a bucket: uploaded in parts, read in pieces, removed in time, and nothing else of it touched."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import orjson
import pytest

from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, WORKSPACE_IDS, headers_of
from query.tests.desk import PATH, Desk, open_desk, store_many
from shared.exports import BucketStorage, key_of, open_storage, part_path
from shared.testing.s3 import Bucket, serving_bucket
from shared.testing.traces import store_trace

TRACES = 1_500
PART_BYTES = 5 * 1024 * 1024


@pytest.fixture
async def bucket() -> AsyncIterator[Bucket]:
    async with serving_bucket() as bucket:
        yield bucket


@pytest.fixture
async def desk(
    bucket: Bucket, traces_url: str, metadata_url: str, redis_url: str, database: asyncpg.Connection, tmp_path: Path
) -> AsyncIterator[Desk]:
    changes = {"redis_url": redis_url, "export_dir": str(tmp_path), **bucket.settings()}
    async with open_desk(database, traces_url, metadata_url, **changes) as opened:
        yield opened


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
async def test_a_file_goes_to_the_bucket_and_comes_from_there(
    desk: Desk, bucket: Bucket, tmp_path: Path, file_format: str
) -> None:
    await store_many(desk.database, TRACES)
    done, content = await desk.make({"format": file_format, "range": "24h", "fields": ["trace_id"]})
    key = f"exports/{key_of(WORKSPACE_IDS[WORKSPACE], done['id'], file_format)}"
    assert bucket.objects == {key: content}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    part = await desk.api.client.get(
        done["download_url"], headers=headers_of(WORKSPACE, role="member") | {"Range": "bytes=7-20"}
    )
    assert (part.status_code, part.content) == (206, content[7:21])
    foreign = await desk.api.get(f"{PATH}/{done['id']}/download", headers=headers_of(OTHER_WORKSPACE, role="owner"))
    assert foreign.status_code == 404


async def test_a_large_file_is_uploaded_in_parts_and_read_in_pieces(desk: Desk, bucket: Bucket, tmp_path: Path) -> None:
    storage = open_storage(desk.settings)
    assert isinstance(storage, BucketStorage)
    key = key_of(WORKSPACE_IDS[WORKSPACE], uuid.uuid4(), "jsonl")
    path = tmp_path / "file.part"
    content = b"".join(number.to_bytes(8) for number in range(3_000_000))
    path.write_bytes(content)
    await storage.keep(path, key)
    assert not path.exists()
    assert bucket.objects == {f"exports/{key}": content}
    assert bucket.uploads == {}
    assert PART_BYTES <= bucket.largest_body < len(content)
    assert await storage.size_of(key) == len(content)
    pieces = [piece async for piece in storage.read(key, 5, len(content) - 5)]
    assert b"".join(pieces) == content[5:-5]
    assert max(map(len, pieces)) < PART_BYTES


async def test_a_bucket_that_is_away_is_waited_for_and_the_file_is_whole(
    desk: Desk, bucket: Bucket, tmp_path: Path
) -> None:
    await store_many(desk.database, TRACES)
    export = (await desk.ask({"format": "jsonl", "range": "24h", "fields": ["trace_id"]})).json()["data"]
    bucket.fails = 403
    waiting = await desk.run(export)
    assert waiting["status"] == "queued"
    assert part_path(str(tmp_path), WORKSPACE_IDS[WORKSPACE], export["id"]).is_file()
    bucket.fails = 0
    await desk.metadata.execute("update jobs set run_after = now()")
    done = await desk.run(export)
    assert (done["status"], done["rows"]) == ("succeeded", TRACES)
    (content,) = bucket.objects.values()
    assert [int(orjson.loads(line)["trace_id"], 16) for line in content.splitlines()] == list(range(TRACES))
    bucket.fails = 403
    for path in (f"{PATH}/{export['id']}", f"{PATH}/{export['id']}/download"):
        away = await desk.api.get(path, headers=headers_of(WORKSPACE, role="member"))
        assert (away.status_code, away.json()["error"]["code"]) == (503, "dependency_unavailable")
        assert bucket.url not in away.text


@pytest.mark.parametrize("name", ["aws_secret_access_key", "aws_access_key_id", "export_s3_bucket"])
async def test_wrong_settings_are_refused_by_the_bucket_and_reported(desk: Desk, bucket: Bucket, name: str) -> None:
    secret = desk.settings.aws_secret_access_key.get_secret_value()
    wrong = desk.settings.jwt_secret if name == "aws_secret_access_key" else "another"
    desk.settings = desk.settings.model_copy(update={name: wrong})
    await store_trace(desk.database, WORKSPACE, "one")
    export = (await desk.ask({"format": "csv"})).json()["data"]
    assert (await desk.run(export))["status"] == "queued"
    assert bucket.objects == {}
    reason = await desk.metadata.fetchval("select message from job_logs where level = 'warning'")
    assert "storage of exports" in reason
    assert bucket.url not in reason
    assert secret not in reason


async def test_what_expired_or_belongs_to_a_deleted_workspace_is_removed_and_nothing_else(
    desk: Desk, bucket: Bucket, tmp_path: Path
) -> None:
    storage = open_storage(desk.settings)
    mine, theirs = (WORKSPACE_IDS[number] for number in (WORKSPACE, OTHER_WORKSPACE))
    old, new, other = (
        key_of(mine, uuid.uuid4(), "csv"),
        key_of(mine, uuid.uuid4(), "csv"),
        key_of(theirs, uuid.uuid4(), "csv"),
    )
    for key in (old, new, other):
        bucket.put(f"exports/{key}", b"x")
    bucket.objects |= {"elsewhere": b"", "exports/notes.txt": b"", f"exports/{mine}/notes.txt": b""}
    long_ago = datetime.now(UTC) - timedelta(days=8)
    bucket.modified |= dict.fromkeys(bucket.objects, long_ago) | {
        f"exports/{key}": datetime.now(UTC) for key in (new, other)
    }
    assert await storage.remove_older(7) == 1
    assert f"exports/{old}" not in bucket.objects
    left = part_path(str(tmp_path), mine, uuid.uuid4())
    left.parent.mkdir()
    left.write_bytes(b"x")
    await storage.remove_of(mine)
    assert set(bucket.objects) == {"elsewhere", "exports/notes.txt", f"exports/{mine}/notes.txt", f"exports/{other}"}
    assert not left.exists()
