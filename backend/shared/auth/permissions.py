"""What each role and each API key scope may do; the one table of it."""

from enum import StrEnum


class Permission(StrEnum):
    """Something a route requires; a route requires exactly one."""

    INGEST = "ingest"
    RECEIPTS_READ = "receipts:read"
    READ = "read"
    WRITE = "write"
    COST_READ = "cost:read"
    COST_WRITE = "cost:write"
    KEYS = "keys"
    WORKSPACE_READ = "workspace:read"
    ADMIN = "admin"
    WORKSPACE_DELETE = "workspace:delete"
    ACCOUNT = "account"
    PLATFORM_ADMIN = "platform:admin"


_VIEWER = {
    Permission.READ,
    Permission.RECEIPTS_READ,
    Permission.COST_READ,
    Permission.WORKSPACE_READ,
    Permission.ACCOUNT,
}
_MEMBER = _VIEWER | {Permission.INGEST, Permission.WRITE, Permission.KEYS}
_ADMIN = _MEMBER | {Permission.ADMIN, Permission.COST_WRITE}

ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "owner": frozenset(_ADMIN | {Permission.WORKSPACE_DELETE}),
    "admin": frozenset(_ADMIN),
    "member": frozenset(_MEMBER),
    "viewer": frozenset(_VIEWER),
    "billing": frozenset({Permission.COST_READ, Permission.COST_WRITE, Permission.WORKSPACE_READ, Permission.ACCOUNT}),
}

SCOPE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "ingest": frozenset({Permission.INGEST, Permission.RECEIPTS_READ}),
    "read": frozenset({Permission.READ, Permission.RECEIPTS_READ}),
    "write": frozenset({Permission.WRITE}),
    "admin": frozenset({Permission.ADMIN, Permission.WORKSPACE_READ}),
}

ROLES = tuple(ROLE_PERMISSIONS)
SCOPES = tuple(SCOPE_PERMISSIONS)


def permissions_of(role: str | None, scopes: frozenset[str], *, platform_admin: bool = False) -> frozenset[Permission]:
    """Return everything that a role, or else a set of key scopes, allows."""
    if role is not None:
        allowed = ROLE_PERMISSIONS.get(role, frozenset())
        return allowed | {Permission.PLATFORM_ADMIN} if platform_admin else allowed
    return frozenset().union(*(SCOPE_PERMISSIONS.get(scope, frozenset()) for scope in scopes))
