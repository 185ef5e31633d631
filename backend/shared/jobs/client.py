"""Asking for jobs, cancelling and repeating them: what services other than the workers do with jobs."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.database import Connection, Pool
from shared.errors import RateLimitedError
from shared.ids import new_uuid7
from shared.jobs import store
from shared.jobs.events import announce
from shared.jobs.store import Job
from shared.jobs.types import JOB_TYPES, params_of
from shared.jobs.wake import wake
from shared.logging import get_logger

MAX_UNFINISHED = 200
_RETRY_AFTER_SECONDS = 60

logger = get_logger(__name__)

# Runs in the transaction of the change, so that neither exists without the other.
Record = Callable[[Connection, Job], Awaitable[None]]


async def create_job(
    metadata_pool: Pool,
    redis: Redis,
    *,
    workspace_id: UUID | str,
    owner_id: UUID | str | None,
    type: str,  # noqa: A002
    params: Mapping[str, Any],
    key_id: UUID | str | None = None,
    retry_of: UUID | None = None,
    record: Record | None = None,
) -> Job:
    """Return a new job, for which a worker has been woken.

    The job exists once this returns, whether or not Redis could be reached; then workers find it a little later.

    Args:
        metadata_pool: The metadata database.
        redis: Client of the queue server.
        workspace_id: Public id of the workspace.
        owner_id: User who asks for it, None for an API key and for the platform itself.
        type: One of ``JOB_TYPES``. Whether the caller may ask for it is the caller's to check.
        params: What the type takes.
        key_id: API key that asks for it.
        retry_of: Job that this one repeats.
        record: Written in the same transaction, such as a line of the audit log.

    Raises:
        KeyError: There is no such type.
        pydantic.ValidationError: The parameters are not what the type takes.
        RateLimitedError: The workspace has as many unfinished jobs as it may.
    """
    async with metadata_pool.acquire() as connection, connection.transaction():
        job = await insert_job(
            connection,
            workspace_id=UUID(str(workspace_id)),
            owner_id=None if owner_id is None else UUID(str(owner_id)),
            type=type,
            params=params,
            key_id=None if key_id is None else UUID(str(key_id)),
            retry_of=retry_of,
        )
        if record is not None:
            await record(connection, job)
    await tell_of_job(redis, job)
    return job


async def insert_job(
    connection: Connection,
    *,
    workspace_id: UUID,
    owner_id: UUID | None,
    type: str,  # noqa: A002
    params: Mapping[str, Any],
    key_id: UUID | None = None,
    retry_of: UUID | None = None,
) -> Job:
    """Return a new job that exists once the caller's transaction commits; see ``create_job``.

    The caller then calls ``tell_of_job``; if it does not come to that, workers find the job a little later.
    """
    kind = JOB_TYPES[type]
    checked = params_of(kind, params)
    if kind.permission is not None and await store.count_unfinished(connection, workspace_id) >= MAX_UNFINISHED:
        raise RateLimitedError(
            f"The workspace has {MAX_UNFINISHED} jobs that have not ended; wait or cancel some.",
            _RETRY_AFTER_SECONDS,
        )
    return await store.insert(
        connection,
        workspace_id,
        job_id=new_uuid7(),
        owner_id=owner_id,
        key_id=key_id,
        kind=kind,
        params=checked,
        retry_of=retry_of,
    )


async def tell_of_job(redis: Redis, job: Job) -> None:
    """Wake a worker for a new job, and tell whoever watches the workspace; a failure only delays both."""
    try:
        await wake(redis, JOB_TYPES[job.type].service, [(job.workspace_id, job.job_id)])
    except (RedisError, OSError, TimeoutError) as error:
        logger.warning("wake_up_not_sent", job_id=str(job.job_id), error=type_name(error))
    await announce(redis, job.workspace_id, job.job_id, job.type, job.status, job.progress)


async def cancel_job(
    metadata_pool: Pool, redis: Redis, *, workspace_id: UUID, job_id: UUID, record: Record | None = None
) -> Job | None:
    """Ask for the end of a job and return it; None when it has ended already or does not exist.

    A job that waits ends at once, one that runs within a few seconds.
    """
    async with metadata_pool.acquire() as connection, connection.transaction():
        job = await store.cancel(connection, workspace_id, job_id)
        if job is None:
            return None
        if record is not None:
            await record(connection, job)
    if job.has_ended:
        await announce(redis, job.workspace_id, job.job_id, job.type, job.status, job.progress)
    return job


def type_name(error: BaseException) -> str:
    """Return the name of an error's class."""
    return type(error).__name__
