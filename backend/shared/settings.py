"""Settings that every service reads from the environment."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MINIMUM_SECRET_BYTES = 32
_PLACEHOLDERS = ("changeme", "change-me", "change_me", "secret", "default", "example", "replace", "generate")

CommaList = Annotated[list[str], NoDecode]


def split_commas(value: object) -> object:
    """Return a list for a comma-separated text and any other value unchanged."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


class ServiceSettings(BaseSettings):
    """Settings common to all services; a service adds its own in ``config.py``."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field("development", description="development or production")
    bind_host: str = Field("127.0.0.1", description="Address the services listen on")

    timescale_url: str = Field(description="Traces database (TimescaleDB or PostgreSQL 15 or newer)")
    timescale_read_url: str | None = Field(None, description="Read replica of the traces database")
    postgres_url: str = Field(description="Metadata database")
    redis_url: str = Field(description="Queue: Redis 7 or newer, append-only file on, noeviction")
    redis_cache_url: str | None = Field(None, description="Caches and limits; the queue server unless set")
    database_pool_size: int = Field(8, ge=1, le=200, description="Connections a service keeps to each database")
    stream_shards: int = Field(1, ge=1, le=64, description="Number of streams that hold accepted requests")

    jwt_secret: SecretStr = Field(description="Signs user tokens; 32 bytes or more")
    api_key_salt: SecretStr = Field(description="Pepper of API key hashes; 32 bytes or more")
    internal_token_secret: SecretStr = Field(description="Signs tokens between services; 32 bytes or more")

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level that is logged")
    log_format: Literal["json", "console"] = Field("json", description="json or console")
    log_dir: str | None = Field(None, description="Folder of rotated log files; standard output when empty")

    retention_days: int = Field(
        90, ge=1, le=3650, description="Days raw data are kept unless a workspace says otherwise"
    )
    trusted_proxies: CommaList = Field(
        default_factory=list, description="Addresses or networks whose forwarded headers count, comma-separated"
    )
    request_timeout_seconds: float = Field(30.0, gt=0, description="Longest time a request may take")
    drain_seconds: float = Field(0.0, ge=0, description="Time between a failing readiness and closing the port at stop")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest JSON body outside ingestion")
    metrics_token: SecretStr | None = Field(None, description="Bearer token of /metrics on the gateway")

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_commas(value)

    @field_validator("redis_cache_url", "timescale_read_url", "log_dir", "metrics_token", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if value == "" else value

    @model_validator(mode="after")
    def _secrets_are_strong(self) -> "ServiceSettings":
        for name in ("jwt_secret", "api_key_salt", "internal_token_secret"):
            check_secret(name, getattr(self, name).get_secret_value())
        return self

    @cached_property
    def cache_url(self) -> str:
        """Return the Redis URL for caches and limits."""
        return self.redis_cache_url or self.redis_url

    @property
    def is_production(self) -> bool:
        """Return whether the service runs outside development."""
        return self.environment == "production"


def check_secret(name: str, value: str) -> None:
    """Refuse a secret that is short or was never changed.

    Raises:
        ValueError: The secret has under 32 bytes, repeats few characters, or contains a placeholder word.
    """
    if len(value.encode()) < MINIMUM_SECRET_BYTES or len(set(value)) < 8:
        raise ValueError(f"{name.upper()} needs at least {MINIMUM_SECRET_BYTES} random bytes; ./setup.sh generates one")
    if any(word in value.lower() for word in _PLACEHOLDERS):
        raise ValueError(f"{name.upper()} still holds a placeholder; ./setup.sh generates a secret")
