"""Bodies and answers of registration, log-in and the own account."""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.app.models.common import Email, Name, Password, RequestModel, Token
from gateway.app.queries.users import User
from gateway.app.queries.workspaces import Workspace


class Registration(RequestModel):
    """A new account with a workspace of its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "ada@example.com",
                    "password": "correct horse battery",
                    "full_name": "Ada Lovelace",
                    "workspace_name": "Home",
                }
            ]
        }
    )

    email: Email
    password: Password
    full_name: Name
    workspace_name: Name
    setup_token: str | None = Field(None, description="Needed for the first registration where SETUP_TOKEN is set")


class Login(RequestModel):
    """Mail address and password."""

    email: Email
    password: Password


class Refresh(RequestModel):
    """A refresh token, which is used up."""

    refresh_token: Token


class Logout(RequestModel):
    """What to end besides this session."""

    everywhere: bool = Field(False, description="End all sessions of the user")


class Switch(RequestModel):
    """The workspace to go on in."""

    workspace_id: UUID


class PasswordChange(RequestModel):
    """The old and the new password."""

    current_password: Password
    new_password: Password


class PasswordForgotten(RequestModel):
    """The mail address of an account."""

    email: Email


class PasswordReset(RequestModel):
    """A token out of a reset link and the new password."""

    token: Token
    new_password: Password


class ProfileChange(RequestModel):
    """New values of the own account; another mail address needs the password."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"full_name": "Ada King"}]})

    full_name: Name | None = None
    email: Email | None = None
    password: Password | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.full_name is None and self.email is None:
            raise ValueError("full_name or email is required")
        return self


class UserView(BaseModel):
    """A user as they see themselves."""

    id: UUID
    email: str
    full_name: str
    platform_role: str
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the view of a user."""
        return cls(
            id=user.user_id,
            email=user.email,
            full_name=user.full_name,
            platform_role=user.platform_role,
            created_at=user.created_at,
            last_login_at=user.last_login_at,
        )


class WorkspaceView(BaseModel):
    """A workspace and the caller's role in it, null for an API key."""

    id: UUID
    name: str = Field(examples=["Home"])
    slug: str
    description: str
    timezone: str
    retention_days: int
    rollup_retention_days: int
    role: str | None
    created_at: datetime

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """Return the view of a workspace."""
        return cls(
            id=workspace.workspace_id,
            name=workspace.name,
            slug=workspace.slug,
            description=workspace.description,
            timezone=workspace.timezone,
            retention_days=workspace.retention_days,
            rollup_retention_days=workspace.rollup_retention_days,
            role=workspace.role,
            created_at=workspace.created_at,
        )


class TokenAnswer(BaseModel):
    """Tokens of a session in one workspace; ``expires_in`` is in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the access token expires")
    user: UserView
    workspace: WorkspaceView


class MeAnswer(UserView):
    """The caller and the workspace of the access token."""

    role: str | None
    permissions: list[str]
    workspace: WorkspaceView


class Notice(BaseModel):
    """A sentence for people."""

    message: str = Field(examples=["If the address belongs to an account, a link is on its way."])


class SessionsEnded(BaseModel):
    """How many other sessions were ended."""

    sessions_ended: int
