"""Settings of the ingestion service."""

from pydantic import Field

from shared.settings import ServiceSettings

MIB = 1024 * 1024


class Settings(ServiceSettings):
    """Settings of the ingestion service beside those common to all services."""

    ingestion_port: int = Field(8001, ge=0, le=65535, description="Port of the ingestion service; 0 takes a free one")
    otlp_http_port: int = Field(4318, ge=0, le=65535, description="OTLP over HTTP; 0 takes a free one")
    otlp_grpc_port: int = Field(4317, ge=0, le=65535, description="OTLP over gRPC; 0 takes a free one")

    ingest_spans_per_minute: int = Field(1_000_000, ge=1, description="Spans a workspace may send in a minute")
    limit_anonymous_per_minute: int = Field(1_000, ge=1, description="Requests of an address without a credential")
    limit_anonymous_burst: int = Field(100, ge=1, description="Requests of an address without a credential at once")

    max_backlog_bytes: int | None = Field(
        None, ge=1, description="Compressed bytes that may wait; 70 % of the queue's memory unless set"
    )
    max_backlog_entries: int = Field(200_000, ge=1, description="Entries that may wait in the queue")
    max_inflight_bytes: int = Field(
        256 * MIB, ge=64 * MIB, description="Bytes of bodies that are read, unpacked or queued at a time"
    )

    @property
    def ports(self) -> list[int]:
        """Return the HTTP ports to listen on; both serve the same addresses."""
        return [self.ingestion_port, self.otlp_http_port]
