"""Who makes a request, and in which workspace."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from shared.auth.permissions import Permission, permissions_of
from shared.errors import ForbiddenError


@dataclass(frozen=True)
class AuthContext:
    """A verified credential.

    ``workspace_id`` is the public id, ``workspace_number`` the one stored in the traces database. Users have a role,
    API keys have scopes. ``subject_id`` is the user's or the key's id.
    """

    workspace_id: str
    workspace_number: int
    principal: Literal["user", "api_key"]
    subject_id: str
    role: str | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    session_id: str | None = None
    platform_admin: bool = False
    retention_days: int = 90

    @property
    def key_id(self) -> str | None:
        """Return the id of the API key, None for a user."""
        return self.subject_id if self.principal == "api_key" else None

    @property
    def user_id(self) -> str | None:
        """Return the id of the user, None for an API key."""
        return self.subject_id if self.principal == "user" else None

    @cached_property
    def permissions(self) -> frozenset[Permission]:
        """Return everything this credential allows."""
        return permissions_of(self.role, self.scopes, platform_admin=self.platform_admin)

    def check(self, permission: Permission) -> None:
        """Refuse what the credential does not allow.

        Raises:
            ForbiddenError: The role or the scopes lack the permission.
        """
        if permission not in self.permissions:
            held = (
                f"role {self.role}" if self.role is not None else f"scopes {', '.join(sorted(self.scopes)) or 'none'}"
            )
            raise ForbiddenError(f"This needs the permission '{permission}', which the {held} does not have.")

    def check_workspace(self, workspace_id: object) -> None:
        """Refuse a workspace named in a request that is not the credential's.

        Raises:
            ForbiddenError: Another workspace was named, whether it exists or not.
        """
        if workspace_id is not None and str(workspace_id).lower() != self.workspace_id:
            raise ForbiddenError("The workspace in the request is not the credential's.", code="workspace_mismatch")
