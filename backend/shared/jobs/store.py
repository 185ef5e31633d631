"""Jobs in the metadata database, as those see them who ask for them and cancel them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from shared.database import Connection
from shared.jobs.types import JobStatus, JobType

# A run whose heartbeat is older than this counts as dead.
STALE_SECONDS = 15.0
MAX_MESSAGE_LENGTH = 2_000

COLUMNS = """j.job_id, j.workspace_id, j.owner_id, j.key_id, j.type, j.service, j.status, j.progress, j.message,
  j.params::text as params, j.result::text as result, j.error, j.attempt, j.max_attempts, j.retry_of, j.worker,
  j.cancel_requested_at, j.created_at, j.started_at, j.finished_at"""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as everybody but its worker sees it."""

    job_id: UUID
    workspace_id: UUID
    owner_id: UUID | None
    key_id: UUID | None
    type: str
    service: str
    status: JobStatus
    progress: float
    message: str | None
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    attempt: int
    max_attempts: int
    retry_of: UUID | None
    worker: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def has_ended(self) -> bool:
        """Return whether nothing more happens to the job."""
        return self.status not in ("queued", "running")

    @classmethod
    def of(cls, row: Any) -> "Job":
        """Return the job of a row with the columns of ``COLUMNS``."""
        values = dict(row)
        values["params"] = orjson.loads(values["params"])
        values["result"] = None if values["result"] is None else orjson.loads(values["result"])
        return cls(**values)


_INSERT = f"""
insert into jobs as j (job_id, workspace_id, owner_id, key_id, type, service, params, max_attempts, retry_of, woken_at)
values ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9, now())
returning {COLUMNS}
"""  # noqa: S608


async def insert(
    connection: Connection,
    workspace_id: UUID,
    *,
    job_id: UUID,
    owner_id: UUID | None,
    key_id: UUID | None,
    kind: JobType,
    params: dict[str, Any],
    retry_of: UUID | None,
) -> Job:
    """Return a new job that waits for a worker; ``params`` were validated."""
    row = await connection.fetchrow(
        _INSERT,
        job_id,
        workspace_id,
        owner_id,
        key_id,
        kind.name,
        kind.service,
        to_json(params),
        kind.max_attempts,
        retry_of,
    )
    return Job.of(row)


_COUNT_UNFINISHED = "select count(*) from jobs where workspace_id = $1 and status in ('queued', 'running')"


async def count_unfinished(connection: Connection, workspace_id: UUID) -> int:
    """Return how many jobs of a workspace wait or run."""
    number: int = await connection.fetchval(_COUNT_UNFINISHED, workspace_id)
    return number


_SELECT = f"select {COLUMNS} from jobs j where j.workspace_id = $1 and j.job_id = $2"  # noqa: S608


async def find(connection: Connection, workspace_id: UUID, job_id: UUID) -> Job | None:
    """Return a job of a workspace."""
    row = await connection.fetchrow(_SELECT, workspace_id, job_id)
    return None if row is None else Job.of(row)


# What waits, or has lost its worker, ends at once; what runs is asked to, and its worker ends it.
_CANCEL = f"""
update jobs j set
  cancel_requested_at = coalesce(j.cancel_requested_at, now()),
  status = case when j.status = 'queued' or j.heartbeat_at < now() - make_interval(secs => $3)
    then 'cancelled' else j.status end,
  finished_at = case when j.status = 'queued' or j.heartbeat_at < now() - make_interval(secs => $3)
    then now() end
where j.workspace_id = $1 and j.job_id = $2 and j.status in ('queued', 'running')
returning {COLUMNS}
"""  # noqa: S608


async def cancel(connection: Connection, workspace_id: UUID, job_id: UUID) -> Job | None:
    """Ask for the end of a job and return it; None when it has ended or does not exist."""
    row = await connection.fetchrow(_CANCEL, workspace_id, job_id, STALE_SECONDS)
    return None if row is None else Job.of(row)


def to_json(value: dict[str, Any]) -> str:
    """Return JSON that a jsonb column takes, with U+FFFD for what it refuses."""
    try:
        document = orjson.dumps(value, default=str)
    except TypeError:
        document = orjson.dumps(_clean(value), default=str)
    if b"\\u0000" in document:
        document = orjson.dumps(_clean(value), default=str)
    return document.decode()


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def to_text(value: str | None) -> str | None:
    """Return a text as a column takes it: bounded, with U+FFFD for NUL."""
    return None if value is None else str(_clean(value))[:MAX_MESSAGE_LENGTH]
