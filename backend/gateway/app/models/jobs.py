"""Bodies and answers of background jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from gateway.app.models.common import RequestModel
from shared.jobs.store import Job
from shared.jobs.types import JobStatus

PublicType = Literal["export", "reprice", "replay", "cleanup", "reindex"]
# The query service alone can tell whether what an export asks for is valid.
RequestedType = Literal["reprice", "replay", "cleanup", "reindex"]

_MAX_PARAMS_BYTES = 65_536
# What OpenAPI shows of a job.
_EXAMPLE: dict[str, JsonValue] = {
    "id": "0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81",
    "type": "replay",
    "status": "running",
    "progress": 0.4,
    "message": "400 of 1000 dead letters",
    "params": {"filter": {"reason": "schema_violation"}},
    "result": None,
    "error": None,
    "attempt": 1,
    "max_attempts": 5,
    "retry_of": None,
    "owner_id": "0193fb5e-0000-7000-8000-000000000001",
    "key_id": None,
    "worker": "processing-1f3a9c2e",
    "cancel_requested_at": None,
    "created_at": "2026-01-31T12:00:00Z",
    "started_at": "2026-01-31T12:00:01Z",
    "finished_at": None,
}


def _storable(params: dict[str, Any]) -> dict[str, Any]:
    try:
        size = len(orjson.dumps(params))
    except TypeError as error:
        raise ValueError("must be JSON with numbers of 64 bits and Unicode text, not nested too deeply") from error
    if size > _MAX_PARAMS_BYTES:
        raise ValueError(f"must have {_MAX_PARAMS_BYTES} bytes at most")
    return params


def _is_requested_here(kind: object) -> object:
    if kind == "export":
        raise ValueError("an export is asked for with POST /api/v1/exports")
    return kind


class JobRequest(RequestModel):
    """A job to be done in the background; what ``params`` may hold depends on the type."""

    model_config = ConfigDict(
        str_max_length=None,
        json_schema_extra={
            "examples": [
                {"type": "replay", "params": {"filter": {"reason": "schema_violation"}}},
                {
                    "type": "reprice",
                    "params": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-08T00:00:00Z", "dry_run": True},
                },
                {"type": "cleanup", "params": {}},
            ]
        },
    )

    type: Annotated[RequestedType, BeforeValidator(_is_requested_here)]
    params: Annotated[dict[str, Any], AfterValidator(_storable)] = Field(default_factory=dict)


class JobView(BaseModel):
    """A job; ``progress`` goes from 0 to 1, ``result`` is there once it succeeded, ``error`` when it did not."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    type: str
    status: JobStatus
    progress: float
    message: str | None = Field(description="What is being done")
    params: dict[str, Any]
    result: dict[str, Any] | None
    error: str | None
    attempt: int = Field(description="Number of the present or last run, 0 before the first")
    max_attempts: int
    retry_of: UUID | None = Field(description="The job that this one repeats")
    owner_id: UUID | None = Field(description="Who asked for it; null for an API key")
    key_id: UUID | None = Field(description="The API key that asked for it")
    worker: str | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """Return the view of a job."""
        return cls(id=job.job_id, **{name: getattr(job, name) for name in cls.model_fields if name != "id"})


class JobLine(BaseModel):
    """A line of a job's log."""

    time: datetime
    level: Literal["info", "warning", "error"]
    message: str = Field(examples=["attempt 1 began on processing-1f3a9c2e"])


class WorkerView(BaseModel):
    """A worker of the platform; ``busy`` of its ``slots`` run jobs, of whichever workspace."""

    name: str = Field(examples=["processing-1f3a9c2e"])
    service: str = Field(examples=["processing"])
    slots: int = Field(examples=[2])
    busy: int = Field(examples=[1])
    alive: bool = Field(description="Whether it was seen in the last 20 seconds")
    started_at: datetime
    seen_at: datetime


class JobHour(BaseModel):
    """What became of the jobs of a type in an hour."""

    hour: datetime
    type: str = Field(examples=["export"])
    created: int
    succeeded: int
    failed: int
    cancelled: int
    waiting_seconds_max: float | None = Field(description="Longest time from request to start")
    running_seconds_max: float | None = Field(description="Longest time from start to end")


class JobStatistics(BaseModel):
    """Jobs of the workspace that are kept, by status and type, and by hour over the last day."""

    by_status: dict[str, int] = Field(examples=[{"queued": 2, "running": 1, "succeeded": 40}])
    by_type: dict[str, dict[str, int]] = Field(examples=[{"export": {"succeeded": 12}}])
    oldest_waiting_seconds: float | None = Field(description="Age of the job that waits longest")
    hours: list[JobHour]
