"""Background jobs: what the gateway puts into the queue that they are taken from."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from shared.auth.context import AuthContext
from shared.database import Connection, Pool
from shared.jobs.client import Record, cancel_job, create_job, insert_job, tell_of_job
from shared.jobs.store import Job


class JobDesk:
    """Takes and cancels jobs in the name of callers.

    Args:
        pool: The metadata database.
        redis: Client of the queue server.
    """

    def __init__(self, pool: Pool, redis: Redis) -> None:
        self._pool = pool
        self._redis = redis

    async def create(
        self, caller: AuthContext, kind: str, params: Mapping[str, Any], record: Record, *, retry_of: UUID | None = None
    ) -> Job:
        """Return a new job of the caller; see ``create_job``."""
        return await create_job(
            self._pool,
            self._redis,
            workspace_id=caller.workspace_id,
            owner_id=caller.user_id,
            key_id=caller.key_id,
            type=kind,
            params=params,
            retry_of=retry_of,
            record=record,
        )

    async def cancel(self, caller: AuthContext, job_id: UUID, record: Record) -> Job | None:
        """Ask for the end of a job of the caller's workspace; see ``cancel_job``."""
        return await cancel_job(
            self._pool, self._redis, workspace_id=UUID(caller.workspace_id), job_id=job_id, record=record
        )

    async def remove_workspace(self, connection: Connection, workspace_id: UUID) -> Job:
        """Have everything of a workspace removed, in the transaction that deletes it; then comes ``tell``."""
        return await insert_job(
            connection, workspace_id=workspace_id, owner_id=None, type="delete_workspace", params={}
        )

    async def tell(self, job: Job) -> None:
        """Wake a worker for a job whose transaction has committed."""
        await tell_of_job(self._redis, job)
