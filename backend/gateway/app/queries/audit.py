"""The audit log: who did what, from where, with which result."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson

from shared.database import Connection

_APPEND = """
insert into audit_log
  (workspace_id, actor_type, actor_id, action, target_type, target_id, result, ip_address, request_id, details)
values ($1, $2, $3, $4, $5, $6, $7, $8::text::inet, $9, $10::text::jsonb)
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where."""

    type: Literal["user", "api_key", "system", "anonymous"]
    id: uuid.UUID | None
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One line of the audit log."""

    action: str
    workspace_id: uuid.UUID | None = None
    target_type: str | None = None
    target_id: str | None = None
    succeeded: bool = True
    details: Mapping[str, object] = field(default_factory=dict)


async def append(connection: Connection, actor: Actor, event: AuditEvent) -> None:
    """Append an event; run it in the transaction of the change, so that neither exists without the other."""
    await connection.execute(
        _APPEND,
        event.workspace_id,
        actor.type,
        actor.id,
        event.action,
        event.target_type,
        event.target_id,
        "success" if event.succeeded else "failure",
        actor.address,
        actor.request_id,
        orjson.dumps(event.details, default=str).decode(),
    )
