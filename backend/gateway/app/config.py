"""Settings of the gateway."""

from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from pydantic import EmailStr, Field, SecretStr, field_validator, model_validator

from shared.settings import CommaList, ServiceSettings, split_commas

_LEAST_PASSWORD_COST = 12


class Settings(ServiceSettings):
    """Settings of the gateway; those common to all services are inherited."""

    gateway_port: int = Field(8000, ge=0, le=65535, description="Port of the public door")
    ingestion_port: int = Field(8001, description="Port of ingestion on this machine")
    processing_port: int = Field(8002, description="Port of processing on this machine")
    query_port: int = Field(8003, description="Port of query on this machine")
    ingestion_url: str | None = Field(None, description="Address of ingestion; loopback and its port unless set")
    processing_url: str | None = Field(None, description="Address of processing; loopback and its port unless set")
    query_url: str | None = Field(None, description="Address of query; loopback and its port unless set")
    upstream_timeout_seconds: float = Field(25.0, gt=0, description="Longest silence of a service behind the gateway")

    public_gateway_url: str = Field("http://localhost:8000", description="Address of the gateway as clients see it")
    public_dashboard_url: str = Field(
        "http://localhost:3000", description="Address of the dashboard; links in mails are built from it alone"
    )
    cors_origins: CommaList = Field(
        default_factory=list, description="Origins that may call from a browser; the dashboard's unless set"
    )
    allowed_hosts: CommaList = Field(
        default_factory=list, description="Host names the gateway answers to, comma-separated; all when empty"
    )

    registration: Literal["open", "closed"] = Field(
        "open", description="Whether strangers may register; invitations work either way"
    )
    setup_token: SecretStr | None = Field(
        None, description="Token that the first registration, the platform administrator's, must carry when set"
    )
    demo_email: EmailStr | None = Field(None, description="Address of the demo user, who never administers")
    access_token_minutes: int = Field(30, ge=1, le=60, description="Life of an access token")
    refresh_token_days: int = Field(7, ge=1, le=90, description="Life of a refresh token that is not used")
    session_days: int = Field(30, ge=1, le=365, description="Life of a session however often it is refreshed")
    password_cost: int = Field(12, ge=4, le=16, description="Cost of password hashes (bcrypt)")
    password_threads: int = Field(2, ge=1, le=64, description="Number of password hashes computed at a time")

    limit_admin_per_minute: int = Field(100_000, ge=1, description="Requests of an owner or admin")
    limit_admin_burst: int = Field(120_000, ge=1, description="Requests of an owner or admin at once")
    limit_member_per_minute: int = Field(10_000, ge=1, description="Requests of a member or an API key")
    limit_member_burst: int = Field(12_000, ge=1, description="Requests of a member or an API key at once")
    limit_viewer_per_minute: int = Field(1_000, ge=1, description="Requests of a viewer or billing user")
    limit_viewer_burst: int = Field(1_200, ge=1, description="Requests of a viewer or billing user at once")
    limit_workspace_per_minute: int = Field(100_000, ge=1, description="Requests of a workspace in all")
    limit_workspace_burst: int = Field(120_000, ge=1, description="Requests of a workspace in all at once")
    limit_anonymous_per_minute: int = Field(1_000, ge=1, description="Requests of an address without a credential")
    limit_anonymous_burst: int = Field(100, ge=1, description="Requests of an address without a credential at once")
    limit_login_account: int = Field(10, ge=1, description="Wrong passwords in a row for an account; one back a minute")
    limit_login_address: int = Field(50, ge=1, description="Wrong passwords in a row from an address")
    limit_login_all: int = Field(1_000, ge=1, description="Wrong passwords in a row in the whole installation")
    live_sockets_per_process: int = Field(5_000, ge=1, description="WebSockets a gateway process keeps")
    live_sockets_per_workspace: int = Field(1_000, ge=1, description="WebSockets of a workspace in a process")
    live_sockets_per_credential: int = Field(
        20, ge=1, description="WebSockets of a user, or of an API key, in a process"
    )
    live_close_seconds: float = Field(
        3.0, ge=0, le=15, description="Time over which WebSockets are closed at stop, so that clients return apart"
    )

    smtp_host: str | None = Field(None, description="Mail server; without it links appear in the gateway's log")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server")
    smtp_user: str | None = Field(None, description="User at the mail server")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server")
    smtp_from: str = Field("agentobs@localhost", description="Sender of mails")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="Encryption to the mail server")

    @field_validator("cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split_lists(cls, value: object) -> object:
        return split_commas(value)

    @field_validator(
        "ingestion_url",
        "processing_url",
        "query_url",
        "setup_token",
        "demo_email",
        "smtp_host",
        "smtp_user",
        "smtp_password",
        mode="before",
    )
    @classmethod
    def _empty_means_unset(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_exact(cls, value: list[str]) -> list[str]:
        return [_origin(item) for item in value]

    @field_validator("public_gateway_url", "public_dashboard_url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        _origin(value)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _passwords_are_slow(self) -> "Settings":
        if self.is_production and self.password_cost < _LEAST_PASSWORD_COST:
            raise ValueError(f"PASSWORD_COST is at least {_LEAST_PASSWORD_COST} outside development")
        return self

    @property
    def ports(self) -> list[int]:
        """Return the ports to listen on."""
        return [self.gateway_port]

    @cached_property
    def upstreams(self) -> dict[str, str]:
        """Return the address of each service behind the gateway."""
        return {
            "ingestion": self.ingestion_url or f"http://127.0.0.1:{self.ingestion_port}",
            "processing": self.processing_url or f"http://127.0.0.1:{self.processing_port}",
            "query": self.query_url or f"http://127.0.0.1:{self.query_port}",
        }

    @cached_property
    def live_url(self) -> str:
        """Return the address of WebSockets as clients see it, to which the workspace's id is added."""
        return "ws" + self.public_gateway_url.removeprefix("http") + "/ws/"

    @cached_property
    def browser_origins(self) -> list[str]:
        """Return the origins whose scripts may read answers."""
        if self.cors_origins:
            return self.cors_origins
        dashboard = _origin(self.public_dashboard_url)
        # People open a dashboard on their own machine under either name.
        for name, other in (("localhost", "127.0.0.1"), ("127.0.0.1", "localhost")):
            if urlsplit(dashboard).hostname == name:
                return [dashboard, dashboard.replace(f"//{name}", f"//{other}")]
        return [dashboard]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "*" in url:
        raise ValueError(f"{url!r} is not an exact http or https address")
    return f"{parts.scheme}://{parts.netloc.lower()}"
