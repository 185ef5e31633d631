"""Who may give which role to whom."""

from shared.auth.permissions import SCOPE_PERMISSIONS, Permission, permissions_of

_RANKS = {"owner": 3, "admin": 2, "member": 1, "viewer": 0, "billing": 0}


def rank(role: str) -> int:
    """Return how far a role reaches."""
    return _RANKS[role]


def change_problem(actor_role: str, current: str, wanted: str | None, *, owners: int) -> str | None:
    """Return why a member's role cannot be changed, None when it can.

    Args:
        actor_role: Role of who asks; an API key with the admin scope counts as an admin.
        current: The member's role.
        wanted: The new role, None to remove the member.
        owners: Number of owners of the workspace.
    """
    if rank(actor_role) < rank(current) or (wanted is not None and rank(actor_role) < rank(wanted)):
        return "Nobody changes a role above their own, or raises anybody above it."
    if current == "owner" and wanted != "owner" and owners <= 1:
        return "The last owner of a workspace stays its owner."
    return None


def scopes_within(role: str | None) -> list[str]:
    """Return the API key scopes that a role, or no role, may hold."""
    held = permissions_of(role, frozenset())
    if Permission.KEYS not in held:
        return []
    return [scope for scope, permissions in SCOPE_PERMISSIONS.items() if permissions <= held]
