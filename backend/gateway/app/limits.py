"""How many requests a credential, a workspace and an address may make."""

from gateway.app.config import Settings
from shared.auth.context import AuthContext
from shared.ratelimit import Bucket


class RequestLimits:
    """Chooses the buckets that a request takes from."""

    def __init__(self, settings: Settings) -> None:
        admin = (settings.limit_admin_per_minute, settings.limit_admin_burst)
        member = (settings.limit_member_per_minute, settings.limit_member_burst)
        viewer = (settings.limit_viewer_per_minute, settings.limit_viewer_burst)
        self._roles = {"owner": admin, "admin": admin, "member": member, "viewer": viewer, "billing": viewer}
        self._admin_key, self._key = admin, member
        self._workspace = (settings.limit_workspace_per_minute, settings.limit_workspace_burst)
        self._anonymous = (settings.limit_anonymous_per_minute, settings.limit_anonymous_burst)

    def of_credential(self, context: AuthContext) -> list[Bucket]:
        """Return the buckets of an accepted credential and of its workspace."""
        if context.role is not None:
            limit = self._roles.get(context.role, self._roles["viewer"])
        else:
            limit = self._admin_key if "admin" in context.scopes else self._key
        return [
            Bucket(f"credential:{context.workspace_id}:{context.subject_id}", *limit),
            Bucket(f"workspace:{context.workspace_id}", *self._workspace),
        ]

    def of_address(self, address: str) -> list[Bucket]:
        """Return the bucket of requests without an accepted credential."""
        return [Bucket(f"address:{address}", *self._anonymous)]
