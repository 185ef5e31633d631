"""Settings of the processing service."""

from pydantic import Field

from shared.jobs.config import WorkerSettings


class Settings(WorkerSettings):
    """Settings of the processing service beside those common to all services."""

    processing_port: int = Field(8002, ge=0, le=65535, description="Port of the processing service; 0 takes a free one")
    processing_worker_port: int = Field(
        8012, ge=0, le=65535, description="Port of the health of processing's job worker; 0 takes a free one"
    )
    processing_batch_items: int = Field(5_000, ge=1, le=50_000, description="Items stored in one transaction, about")
    processing_batch_entries: int = Field(512, ge=1, le=5_000, description="Queue entries stored in one transaction")
    processing_min_idle_seconds: float = Field(
        30.0, gt=0, description="Time after which entries of a silent worker are taken over by another"
    )
    processing_max_deliveries: int = Field(
        5, ge=4, le=50, description="Delivery at which an item that kills workers goes to the dead letters"
    )
    processing_block_seconds: float = Field(2.0, gt=0, le=4.0, description="Longest wait for new entries at a time")
    processing_stop_seconds: float = Field(
        12.0, gt=0, description="Time a stopping worker has to finish its batch before it hands it back"
    )
    processing_maintenance_seconds: float = Field(
        3600.0, gt=0, description="Interval of partition upkeep, expiry and folding of counters"
    )
    processing_fold_seconds: float = Field(
        2.0, gt=0, description="Shortest interval at which changes are folded into rollups, which count them at once"
    )
    processing_price_seconds: float = Field(60.0, gt=0, description="Longest time until a changed price holds")

    @property
    def ports(self) -> list[int]:
        """Return the ports that the service listens on."""
        return [self.processing_port]
