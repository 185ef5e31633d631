"""Bodies of workspaces and of their teams."""

import zoneinfo
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from gateway.app.models.common import Email, Name, Password, RequestModel, Text, Token
from gateway.app.queries.team import Member

Role = Literal["owner", "admin", "member", "viewer", "billing"]
InvitedRole = Literal["admin", "member", "viewer", "billing"]
Slug = Annotated[str, StringConstraints(min_length=2, max_length=40, pattern=r"^[a-z0-9](?:[a-z0-9-]*[a-z0-9])$")]


def _known_zone(name: str) -> str:
    if name not in zoneinfo.available_timezones():
        raise ValueError("not the name of a time zone")
    return name


Timezone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
Days = Annotated[int, Field(ge=1, le=3650)]


class WorkspaceRequest(RequestModel):
    """A new workspace; the slug is made from the name unless given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "Shop", "slug": "shop", "timezone": "Europe/Berlin"}]}
    )

    name: Name
    slug: Slug | None = None
    description: Text = ""
    timezone: Timezone = "UTC"


class WorkspaceUpdate(RequestModel):
    """New values of a workspace; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Shop", "retention_days": 30}]})

    name: Name | None = None
    slug: Slug | None = None
    description: Text | None = None
    timezone: Timezone | None = None
    retention_days: Days | None = None
    rollup_retention_days: Days | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change")
        return self


class InvitationRequest(RequestModel):
    """Whom to invite, in which role."""

    email: Email
    role: InvitedRole = "member"


class InvitationView(BaseModel):
    """An invitation; ``link`` is shown this once."""

    id: UUID
    email: str
    role: str
    link: str
    expires_at: datetime


class Acceptance(RequestModel):
    """A token out of an invitation link; a new user gives name and password, an existing one the password."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "token": "b3BlbiBzZXNhbWUgYW5kIGdvIGlu",
                    "full_name": "Grace Hopper",
                    "password": "violet kettle 94 rain",
                }
            ]
        }
    )

    token: Token
    full_name: Name | None = None
    password: Password | None = None


class RoleChange(RequestModel):
    """The new role of a member."""

    role: Role


class RoleChanged(BaseModel):
    """A member's new role, and how many of their API keys went beyond it and were revoked."""

    id: UUID
    role: Role
    revoked_api_keys: int = Field(examples=[0])


class MemberRemoved(BaseModel):
    """Who was removed, and how many of their API keys ended with it."""

    id: UUID
    revoked_api_keys: int = Field(examples=[1])


class WorkspaceDeleted(BaseModel):
    """The workspace that was deleted."""

    id: UUID


class MemberView(BaseModel):
    """A member of a workspace."""

    id: UUID
    email: str
    full_name: str
    role: str
    joined_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, member: Member) -> Self:
        """Return the view of a member."""
        return cls(
            id=member.user_id,
            email=member.email,
            full_name=member.full_name,
            role=member.role,
            joined_at=member.joined_at,
            last_login_at=member.last_login_at,
        )
