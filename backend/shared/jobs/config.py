"""Settings of services that have workers."""

from pathlib import Path

from pydantic import Field

from shared.settings import ServiceSettings


class WorkerSettings(ServiceSettings):
    """Settings common to services whose jobs run in workers."""

    job_slots: int = Field(2, ge=1, le=32, description="Jobs that a worker runs at a time")
    export_dir: str = Field("", description="Folder of exported files; exports/ in the data folder when empty")
    agentobs_data_dir: str = Field(".data", description="Folder of databases, logs and run files")

    @property
    def exports_folder(self) -> str:
        """Return the folder of exported files, which query and its worker share."""
        return self.export_dir or str(Path(self.agentobs_data_dir) / "exports")
