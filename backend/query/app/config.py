"""Settings of the query service."""

from typing import Literal

from pydantic import Field

from shared.jobs.config import WorkerSettings


class Settings(WorkerSettings):
    """Settings read from the environment."""

    query_port: int = Field(8003, ge=0, le=65535, description="Port of the query service")
    query_worker_port: int = Field(
        8013, ge=0, le=65535, description="Port of the health of query's job worker; 0 takes a free one"
    )
    query_cache: Literal["on", "off"] = Field("on", description="on or off: whether answers are kept in Redis")

    export_days: int = Field(7, ge=1, le=365, description="Days that exported files are kept")

    export_link_seconds: int = Field(
        900, ge=10, le=86_400, description="Life of a link to an exported file, in seconds; each look gives a new one"
    )

    @property
    def ports(self) -> list[int]:
        """Return the ports to listen on."""
        return [self.query_port]
