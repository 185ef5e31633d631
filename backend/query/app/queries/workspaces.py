"""What the metadata database says of a workspace."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import orjson

from shared.database import Connection, Pool
from shared.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Budget:
    """What a workspace means to spend a month, in USD, and the percentages at which it wants to know."""

    monthly_usd: float | None
    thresholds_percent: tuple[int, ...]


_SELECT_BUDGET = """
select monthly_budget_usd, budget_thresholds from workspaces where workspace_id = $1 and deleted_at is null
"""


async def read_budget(workspace_id: str, metadata: Pool) -> Budget:
    """Return the budget of a workspace.

    Raises:
        NotFoundError: The workspace is gone.
    """
    row = await metadata.fetchrow(_SELECT_BUDGET, uuid.UUID(workspace_id))
    if row is None:
        raise NotFoundError
    amount = row["monthly_budget_usd"]
    return Budget(None if amount is None else float(amount), tuple(row["budget_thresholds"]))


_UPDATE_BUDGET = """
update workspaces set monthly_budget_usd = $2, budget_thresholds = $3
where workspace_id = $1 and deleted_at is null returning workspace_id
"""
_AUDIT = """
insert into audit_log (workspace_id, actor_type, actor_id, action, target_type, target_id, result, request_id, details)
values ($1, $2, $3, $4, $5, $6, 'success', $7, $8::text::jsonb)
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something: ``user`` or ``api_key``, its id, and the request."""

    type: str
    id: str
    request_id: str


async def write_budget(
    workspace_id: str, metadata: Pool, actor: Actor, monthly_usd: Decimal | None, thresholds: Sequence[int]
) -> None:
    """Change the budget of a workspace and say so in the audit log.

    Raises:
        NotFoundError: The workspace is gone.
    """
    workspace = uuid.UUID(workspace_id)
    async with metadata.acquire() as connection, connection.transaction():
        if await connection.fetchval(_UPDATE_BUDGET, workspace, monthly_usd, list(thresholds)) is None:
            raise NotFoundError
        details: dict[str, object] = {"monthly_usd": monthly_usd, "thresholds_percent": list(thresholds)}
        await append_audit(connection, workspace, actor, "update_budget", "workspace", workspace_id, details)


async def append_audit(
    connection: Connection,
    workspace: uuid.UUID,
    actor: Actor,
    action: str,
    target_type: str,
    target_id: str,
    details: dict[str, object],
) -> None:
    """Append to the audit log, in the transaction of the change."""
    document = orjson.dumps(details, default=str).decode()
    arguments = (workspace, actor.type, uuid.UUID(actor.id), action, target_type, target_id, actor.request_id, document)
    await connection.execute(_AUDIT, *arguments)
