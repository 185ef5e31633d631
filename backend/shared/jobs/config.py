"""Settings of services that have workers."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import ServiceSettings


class WorkerSettings(ServiceSettings):
    """Settings common to services whose jobs run in workers."""

    job_slots: int = Field(2, ge=1, le=32, description="Jobs that a worker runs at a time")
    export_dir: str = Field("", description="Folder of exported files; exports/ in the data folder when empty")
    export_s3_bucket: str = Field("", description="Bucket of exported files; they stay in EXPORT_DIR when empty")
    export_s3_prefix: str = Field("exports", description="Folder of exported files in the bucket")
    aws_endpoint_url: str = Field("", description="Address of the bucket's store; Amazon's for the region when empty")
    aws_region: str = Field("us-east-1", description="Region of the bucket")
    aws_access_key_id: str = Field("", description="Access key; what the machine's role gives when empty")
    aws_secret_access_key: SecretStr = Field(SecretStr(""), description="Secret of the access key")
    agentobs_data_dir: str = Field(".data", description="Folder of databases, logs and run files")

    @model_validator(mode="after")
    def _key_has_its_secret(self) -> Self:
        has_both_or_none = bool(self.aws_access_key_id) == bool(self.aws_secret_access_key.get_secret_value())
        if self.export_s3_bucket and not has_both_or_none:
            raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set together or not at all")
        return self

    @property
    def exports_folder(self) -> str:
        """Return the folder of exported files, which query and its worker share."""
        return self.export_dir or str(Path(self.agentobs_data_dir) / "exports")
