"""The message that wakes a worker: which job, of which workspace, and nothing that it would have to believe.

It is written as Celery's task protocol 2 in the envelope of Kombu's Redis transport, so that services can wake workers
over the connection they have, without waiting for a client that blocks.
"""

import base64
import uuid
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import orjson
from redis.asyncio import Redis

from shared.jobs.types import JobService

RUN_TASK = "jobs.run"
KEY_PREFIX = "jobs:"


def queue_of(service: JobService) -> str:
    """Return the key of the list of messages for a service's workers."""
    return f"{KEY_PREFIX}{service}"


def broker_url(redis_url: str) -> str:
    """Return the URL of the queue server as Kombu writes it, which names sockets of the file system in its own way."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"


def encode_wakeup(service: JobService, workspace_id: UUID, job_id: UUID) -> bytes:
    """Return the message that has a worker look at a job."""
    identifier = str(uuid.uuid4())
    kwargs = {"workspace_id": str(workspace_id), "job_id": str(job_id)}
    embedded = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    return orjson.dumps(
        {
            "body": base64.b64encode(orjson.dumps([[], kwargs, embedded])).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": RUN_TASK,
                "id": identifier,
                "root_id": identifier,
                "parent_id": None,
                "group": None,
                "eta": None,
                "expires": None,
                "retries": 0,
                "timelimit": [None, None],
                "argsrepr": "()",
                "kwargsrepr": repr(kwargs),
                "ignore_result": True,
            },
            "properties": {
                "correlation_id": identifier,
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": service},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid.uuid4()),
            },
        }
    )


async def wake(redis: Redis, service: JobService, jobs: Iterable[tuple[UUID, UUID]]) -> None:
    """Have a service's workers look at jobs, each given after its workspace.

    Raises:
        redis.exceptions.RedisError: The queue cannot be reached; the workers find the jobs by themselves in a while.
    """
    messages = [encode_wakeup(service, workspace_id, job_id) for workspace_id, job_id in jobs]
    if messages:
        # From the right to the left, as Kombu takes them from the right.
        await redis.lpush(queue_of(service), *messages)


async def is_quiet(redis: Redis, service: JobService) -> bool:
    """Return whether no wake-up waits for a service's workers."""
    return not await redis.llen(queue_of(service))
