"""Jobs of the processing service: replay of dead letters through a worker that is killed, and cleanup."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from processing.app.items import Poison
from processing.app.jobs import HANDLERS
from processing.app.queries.dead_letters import insert_dead_letters
from processing.tests.support import SECRET, WORKSPACE, Bench, make_span, request_of, trace_body
from shared.database import Pool, create_pool
from shared.jobs.client import create_job
from shared.jobs.runner import run_job
from shared.jobs.store import Job, find
from shared.streams.contracts import TRACES_PENDING, decode_header

BACKEND = Path(__file__).parents[2]
ENV = dict.fromkeys(("JWT_SECRET", "API_KEY_SALT", "INTERNAL_TOKEN_SECRET"), SECRET)


@pytest.fixture
async def metadata(metadata_url: str) -> AsyncIterator[Pool]:
    pool = await create_pool(metadata_url, service="tests", size=3)
    yield pool
    await pool.close()


@pytest.fixture
async def owner(metadata: Pool) -> tuple[UUID, UUID]:
    """Return workspace and owner, the workspace being that of the letters."""
    workspace, user = uuid4(), uuid4()
    await metadata.execute(
        "insert into workspaces (workspace_id, number, name, slug) overriding system value values ($1, $2, 'n', 'n')",
        workspace,
        WORKSPACE,
    )
    await metadata.execute(
        "insert into users (user_id, email, full_name, password_hash) values ($1, 'a@example.com', 'n', 'x')", user
    )
    await metadata.execute("insert into workspace_members values ($1, $2, 'owner')", workspace, user)
    return workspace, user


@pytest.fixture
def start_worker(bench: Bench, tmp_path: Path) -> Iterator[Any]:
    """Yield a function that starts the service's own worker as a process."""
    processes: list[subprocess.Popen[bytes]] = []
    settings = bench.settings
    environment = (
        os.environ
        | ENV
        | {
            "TIMESCALE_URL": settings.timescale_url,
            "POSTGRES_URL": settings.postgres_url,
            "REDIS_URL": settings.redis_url,
            "PROCESSING_WORKER_PORT": "0",
        }
    )

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "shared.jobs.worker", "processing"],
                cwd=BACKEND,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait(10)


async def add_letters(bench: Bench, number: int, *, workspace: int = WORKSPACE, reason: str = "schema") -> list[UUID]:
    """Return new dead letters, each of a span that can be stored by now."""
    async with bench.pool.acquire() as connection, connection.transaction():
        for _ in range(number):
            trace = os.urandom(16)
            pending, body = request_of(trace_body(make_span(trace, 1)), workspace=workspace)
            poison = Poison(0, 1, reason, "it was not known", "otlp_traces", body, trace, 1)
            await insert_dead_letters(connection, pending, [poison])
    rows = await bench.pool.fetch(
        "select dead_letter_id from dead_letters where workspace_id = $1 and reason = $2"
        " order by created_at, dead_letter_id",
        workspace,
        reason,
    )
    return [row["dead_letter_id"] for row in rows]


async def queued_letters(bench: Bench) -> list[str | None]:
    """Return which letters wait in the queue."""
    entries: Any = await bench.redis.xrange(TRACES_PENDING)
    return [pending.replay_of for _, fields in entries for pending in decode_header(fields[b"h"])]


async def wait_for(metadata: Pool, job: Job, status: str, seconds: float = 45.0) -> Job:
    deadline = time.monotonic() + seconds
    while True:
        async with metadata.acquire() as connection:
            found = await find(connection, job.workspace_id, job.job_id)
        assert found is not None
        if found.status == status:
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)


async def run_here(bench: Bench, metadata: Pool, owner: tuple[UUID, UUID], kind: str, params: Any) -> Job:
    """Return a job after this process has run it."""
    job = await create_job(metadata, bench.redis, workspace_id=owner[0], owner_id=owner[1], type=kind, params=params)
    await run_job(
        job.workspace_id,
        job.job_id,
        service="processing",
        worker="test",
        handlers=HANDLERS,
        settings=bench.settings,
        stopping=threading.Event(),
    )
    async with metadata.acquire() as connection:
        found = await find(connection, job.workspace_id, job.job_id)
    assert found is not None
    return found


async def test_F26_a_replay_whose_worker_is_killed_goes_on_and_replays_each_letter_once(
    bench: Bench, metadata: Pool, owner: tuple[UUID, UUID], start_worker: Any
) -> None:
    letters = await add_letters(bench, 700)
    worker = start_worker()
    async with bench.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        # The worker comes to this letter in the middle, and waits.
        await connection.execute("select 1 from dead_letters where dead_letter_id = $1 for update", letters[450])
        job = await create_job(
            metadata, bench.redis, workspace_id=owner[0], owner_id=owner[1], type="replay", params={"filter": {}}
        )
        while len(await queued_letters(bench)) < 400:
            await asyncio.sleep(0.05)
        worker.kill()
        worker.wait(10)
        await transaction.rollback()
    # Older than any run that lives.
    await metadata.execute("update jobs set heartbeat_at = now() - interval '16 s', woken_at = now() - interval '16 s'")
    start_worker()
    done = await wait_for(metadata, job, "succeeded")
    assert (done.attempt, done.result) == (2, {"replayed": 700, "skipped": 0})
    assert sorted(filter(None, await queued_letters(bench))) == sorted(str(letter) for letter in letters)
    await bench.process()
    states = await bench.pool.fetch("select state, count(*) from dead_letters group by state")
    assert [tuple(row) for row in states] == [("replayed", 700)]
    assert await bench.pool.fetchval("select count(*) from spans") == 700


async def test_F26_a_replay_takes_the_letters_that_are_named_and_no_others(
    bench: Bench, metadata: Pool, owner: tuple[UUID, UUID]
) -> None:
    own, theirs = await add_letters(bench, 3), await add_letters(bench, 2, workspace=8)
    job = await run_here(bench, metadata, owner, "replay", {"ids": [str(letter) for letter in (*own[:2], theirs[0])]})
    assert (job.status, job.result) == ("succeeded", {"replayed": 2, "skipped": 0})
    lines = [row["message"] for row in await metadata.fetch("select message from job_logs order by job_log_id")]
    assert "1 of the letters named are not dead letters here" in lines
    again = await run_here(bench, metadata, owner, "replay", {"ids": [str(letter) for letter in own[:2]]})
    assert again.result == {"replayed": 0, "skipped": 0}
    states = await bench.pool.fetch("select state from dead_letters where workspace_id = 8")
    assert {row["state"] for row in states} == {"dead"}
    assert sorted(filter(None, await queued_letters(bench))) == sorted(str(letter) for letter in own[:2])


async def test_F26_a_replay_takes_the_letters_that_a_filter_finds(
    bench: Bench, metadata: Pool, owner: tuple[UUID, UUID]
) -> None:
    await add_letters(bench, 3, reason="one")
    await add_letters(bench, 2, reason="two")
    await bench.pool.execute("update dead_letters set created_at = now() - interval '2 days' where reason = 'two'")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    for wanted, number in (
        ({"reason": "three"}, 0),
        ({"reason": "one", "to": yesterday}, 0),
        ({"reason": "two", "to": yesterday}, 2),
        ({"from": yesterday}, 3),
        ({}, 0),
    ):
        job = await run_here(bench, metadata, owner, "replay", {"filter": wanted})
        assert job.result == {"replayed": number, "skipped": 0}, wanted


async def test_cleanup_removes_old_jobs_of_the_workspace(
    bench: Bench, metadata: Pool, owner: tuple[UUID, UUID]
) -> None:
    old = await run_here(bench, metadata, owner, "cleanup", {})
    assert old.result == {"maintained": True, "jobs_removed": 0}
    await metadata.execute("update jobs set finished_at = now() - interval '31 days'")
    job = await run_here(bench, metadata, owner, "cleanup", {})
    assert job.result == {"maintained": True, "jobs_removed": 1}
    assert [row["job_id"] for row in await metadata.fetch("select job_id from jobs")] == [job.job_id]
