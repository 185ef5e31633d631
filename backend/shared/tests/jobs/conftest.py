import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from redis.asyncio import Redis

from shared.database import Pool, create_pool
from shared.jobs import store
from shared.jobs.client import create_job
from shared.jobs.store import Job
from shared.redis import connect

BACKEND = Path(__file__).parents[3]
SECRET = secrets.token_urlsafe(48)


@dataclass
class Bench:
    """A metadata database with a workspace and its people, and the queue."""

    pool: Pool
    redis: Redis
    settings: dict[str, Any]
    folder: Path
    workspace: UUID = field(default_factory=uuid4)
    owner: UUID = field(default_factory=uuid4)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    async def add_member(self, role: str, workspace: UUID | None = None) -> UUID:
        """Return a new user who belongs to the workspace."""
        user = uuid4()
        await self.pool.execute(
            "insert into users (user_id, email, full_name, password_hash) values ($1, $2, 'n', 'x')",
            user,
            f"{user}@example.com",
        )
        await self.pool.execute(
            "insert into workspace_members (workspace_id, user_id, role) values ($1, $2, $3)",
            workspace or self.workspace,
            user,
            role,
        )
        return user

    async def add_workspace(self) -> UUID:
        """Return a new workspace."""
        workspace = uuid4()
        await self.pool.execute(
            "insert into workspaces (workspace_id, name, slug) values ($1, 'n', $2)", workspace, str(workspace)
        )
        return workspace

    async def create(self, kind: str = "replay", params: dict[str, Any] | None = None, **fields: Any) -> Job:
        """Return a new job, by default one of ten quick steps."""
        values: dict[str, Any] = {"workspace_id": self.workspace, "owner_id": self.owner, **fields}
        if params is None:
            params = steps(10, 0.02) if kind == "replay" else {}
        return await create_job(self.pool, self.redis, type=kind, params=params, **values)

    async def read(self, job: Job) -> Job:
        """Return a job as it is now."""
        async with self.pool.acquire() as connection:
            found = await store.find(connection, job.workspace_id, job.job_id)
        assert found is not None
        return found

    async def wait_for(self, job: Job, *statuses: str, seconds: float = 40.0) -> Job:
        """Return a job once it has one of the statuses."""
        deadline = time.monotonic() + seconds
        while (found := await self.read(job)).status not in statuses:
            assert time.monotonic() < deadline, f"{found}\n{await self.lines(job)}\n{self.output()}"
            await asyncio.sleep(0.05)
        return found

    async def steps(self, job: Job | str) -> list[tuple[str, int, int]]:
        """Return step, attempt and process of everything that was noted."""
        name = job if isinstance(job, str) else str(job.job_id)
        rows = await self.pool.fetch("select step, attempt, pid from steps where job_id = $1 order by number", name)
        return [(row["step"], row["attempt"], row["pid"]) for row in rows]

    async def wait_for_steps(self, job: Job | str, number: int, seconds: float = 40.0) -> None:
        """Return once as many steps were noted."""
        deadline = time.monotonic() + seconds
        while len(await self.steps(job)) < number:
            assert time.monotonic() < deadline, self.output()
            await asyncio.sleep(0.02)

    async def age(self, job: Job) -> None:
        """Make the last heartbeat of a job, whose worker cannot give another, as old as waiting would."""
        await self.pool.execute(
            "update jobs set heartbeat_at = now() - interval '16 s', woken_at = now() - interval '16 s'"
            " where job_id = $1",
            job.job_id,
        )

    async def lines(self, job: Job) -> list[str]:
        """Return the log of a job."""
        rows = await self.pool.fetch("select message from job_logs where job_id = $1 order by job_log_id", job.job_id)
        return [row["message"] for row in rows]

    def start(
        self, *, visibility_seconds: float = 3600, periodic: dict[str, float] | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Return a new worker process."""
        options = {
            "settings": self.settings,
            "visibility_seconds": visibility_seconds,
            "periodic": periodic or {},
        }
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "shared.tests.jobs.child", orjson.dumps(options).decode()],
                cwd=BACKEND,
                env=os.environ | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def output(self) -> str:
        """Return the end of what the workers have logged."""
        return (self.folder / "worker.log").read_text(errors="replace")[-6000:]

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a worker without warning."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop_all(self) -> None:
        """End every worker."""
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGCONT)
                self.kill(process)


def steps(number: int, pause: float) -> dict[str, Any]:
    """Return the parameters of a job of so many steps."""
    return {"filter": {"reason": f"{number} {pause}"}}


@pytest.fixture
async def bench(metadata_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Bench]:
    pool = await create_pool(metadata_url, service="tests", size=4)
    redis = connect(redis_url)
    settings = {
        "timescale_url": metadata_url,
        "postgres_url": metadata_url,
        "redis_url": redis_url,
        "jwt_secret": SECRET,
        "api_key_salt": SECRET,
        "internal_token_secret": SECRET,
    }
    bench = Bench(pool, redis, settings, tmp_path)
    await pool.execute(
        "create table steps (number int8 generated always as identity, job_id text, step text, attempt int8, pid int4)"
    )
    bench.workspace = await bench.add_workspace()
    bench.owner = await bench.add_member("owner")
    try:
        yield bench
    finally:
        bench.stop_all()
        await redis.aclose()
        await pool.close()
