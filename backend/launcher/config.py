"""Settings of the launcher itself; those of the services are handed on unread."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from launcher.errors import LauncherError

PROJECT = Path(__file__).resolve().parents[2]


class LauncherSettings(BaseSettings):
    """What the launcher reads from the environment and ``.env``; all other settings belong to the services."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    agentobs_data_dir: Path = Field(Path(".data"), description="Folder of databases, logs and run files")
    log_dir: Path | None = Field(None, description="Folder of rotated log files; logs/ in the data folder when empty")
    bind_host: str = Field("127.0.0.1", description="Address the services listen on")
    timescale_url: str | None = Field(None, description="Traces database; embedded when empty")
    postgres_url: str | None = Field(None, description="Metadata database; embedded when empty")
    redis_url: str | None = Field(None, description="Queue; embedded when empty")
    database_password: SecretStr = Field(SecretStr(""), description="Password of the embedded databases' roles")
    redis_password: SecretStr = Field(SecretStr(""), description="Password of the embedded Valkey")
    redis_appendfsync: Literal["everysec", "always", "no"] = Field(
        "everysec", description="When the embedded queue is forced to disk: everysec, always or no"
    )
    redis_maxmemory: str = Field("512mb", description="Bound of the embedded queue's memory")
    processing_workers: int = Field(2, ge=1, le=64, description="Number of processing workers")
    start_timeout_seconds: float = Field(120.0, gt=0, description="Longest wait for the services to become ready")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read only what is passed in: the environment was merged with ``.env`` before."""
        return (init_settings,)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "LauncherSettings":
        """Return the settings found in ``environment``; an empty value counts as not set.

        Raises:
            LauncherError: A value is not valid.
        """
        given = {name.lower(): value for name, value in environment.items() if value != ""}
        try:
            return cls(**{name: given[name] for name in cls.model_fields if name in given})  # type: ignore[arg-type]
        except ValidationError as error:
            raise LauncherError(f"invalid settings: {problems_of(error)}") from None

    @property
    def data_dir(self) -> Path:
        """The data folder as an absolute path; a relative one counts from the project."""
        return Path(os.path.abspath(PROJECT / self.agentobs_data_dir.expanduser()))

    @property
    def logs(self) -> Path:
        """The folder of log files as an absolute path."""
        return Path(os.path.abspath(PROJECT / self.log_dir.expanduser())) if self.log_dir else self.data_dir / "logs"


def problems_of(error: ValidationError) -> str:
    """Return what is wrong with which settings, without their values."""
    problems = []
    for item in error.errors(include_input=False):
        name = ".".join(str(part) for part in item["loc"]).upper()
        message = item["msg"].removeprefix("Value error, ")
        problems.append(f"{name}: {message}" if name else message)
    return "; ".join(problems)
