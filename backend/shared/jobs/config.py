"""Settings of services that have workers."""

from pydantic import Field

from shared.settings import ServiceSettings


class WorkerSettings(ServiceSettings):
    """Settings common to services whose jobs run in workers."""

    job_slots: int = Field(2, ge=1, le=32, description="Jobs that a worker runs at a time")
