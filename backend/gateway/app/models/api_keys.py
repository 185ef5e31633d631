"""Bodies and answers of API keys."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from gateway.app.models.common import Name, RequestModel
from gateway.app.queries.api_keys import ApiKey

_LONGEST_LIFE = timedelta(days=3653)

Scope = Literal["ingest", "read", "write", "admin"]


def _each_once(scopes: list[Scope]) -> list[Scope]:
    return sorted(set(scopes))


def _in_future(moment: datetime) -> datetime:
    now = datetime.now(UTC)
    if not now < moment <= now + _LONGEST_LIFE:
        raise ValueError("must lie in the future, ten years ahead at most")
    return moment


class KeyRequest(RequestModel):
    """A new API key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "production", "scopes": ["ingest", "read"], "expires_at": None}]}
    )

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20), AfterValidator(_each_once)]
    expires_at: Annotated[AwareDatetime, AfterValidator(_in_future)] | None = None


class KeyView(BaseModel):
    """An API key; ``prefix`` is the part of it that is kept for display."""

    id: UUID
    name: str = Field(examples=["production"])
    prefix: str = Field(description="The first characters of the key")
    scopes: list[str]
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return the view of a key."""
        return cls(
            id=key.key_id,
            name=key.name,
            prefix=key.prefix,
            scopes=list(key.scopes),
            created_by=key.created_by,
            created_at=key.created_at,
            expires_at=key.expires_at,
            last_used_at=key.last_used_at,
        )


class NewKeyAnswer(KeyView):
    """A new API key; ``key`` is shown this once."""

    key: str = Field(description="The key; nobody can read it again")


class KeyList(BaseModel):
    """The API keys that are not revoked, newest first."""

    api_keys: list[KeyView]
