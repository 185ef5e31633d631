"""Tells whoever watches a workspace that a job has changed."""

from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.jobs.types import JobStatus
from shared.logging import get_logger
from shared.streams.events import JOB_UPDATED, publish_event

logger = get_logger(__name__)


async def announce(
    redis: Redis, workspace_id: UUID, job_id: UUID, kind: str, status: JobStatus, progress: float
) -> None:
    """Publish the state of a job; watchers that miss it read it anew, so that a failure changes nothing."""
    data = {"job_id": str(job_id), "type": kind, "status": status, "progress": round(progress, 4)}
    try:
        await publish_event(redis, str(workspace_id), JOB_UPDATED, data)
    except (RedisError, OSError, TimeoutError) as error:
        logger.debug("job_not_announced", job_id=str(job_id), error=type(error).__name__)
