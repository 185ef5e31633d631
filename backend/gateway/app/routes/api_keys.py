"""API keys."""

import asyncio
import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from gateway.app.dependencies import GatewayDep, UserCaller, parse_id
from gateway.app.models.api_keys import KeyList, KeyRequest, KeyView, NewKeyAnswer
from gateway.app.queries import api_keys, audit
from gateway.app.queries.audit import AuditEvent
from gateway.app.team_rules import scopes_within
from shared.auth.context import AuthContext
from shared.auth.keys import SHOWN_CHARACTERS, generate_key, lookup_hash, make_verifier
from shared.auth.permissions import Permission
from shared.errors import ForbiddenError, NotFoundError
from shared.http.guard import GuardedRoute, require
from shared.http.schema import problems

router = APIRouter(
    prefix="/api/v1/api-keys",
    tags=["api keys"],
    route_class=GuardedRoute,
    responses=problems(400, 401, 403, 422, 429, 503),
    dependencies=[Depends(require(Permission.KEYS))],
)


KeyId = Annotated[str, Path(description="Id of the key", examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])]


@router.post("", status_code=201, summary="Create a key, shown this once")
async def create_api_key(body: KeyRequest, request: Request, caller: UserCaller, gateway: GatewayDep) -> NewKeyAnswer:
    """Return a new key of the workspace; nobody hands out a scope that their own role does not hold."""
    beyond = set(body.scopes) - set(scopes_within(caller.role))
    if beyond:
        raise ForbiddenError(f"Your role cannot hand out the scope {', '.join(sorted(beyond))}.")
    key, pepper = generate_key(), gateway.settings.api_key_salt.get_secret_value().encode()
    new = api_keys.NewKey(
        workspace_id=uuid.UUID(caller.workspace_id),
        created_by=uuid.UUID(caller.subject_id),
        name=body.name,
        prefix=key[:SHOWN_CHARACTERS],
        lookup_hash=lookup_hash(key, pepper),
        verifier=await asyncio.to_thread(make_verifier, key, pepper),
        scopes=body.scopes,
        expires_at=body.expires_at,
    )
    async with gateway.transaction() as connection:
        stored = await api_keys.insert(connection, new)
        details = {"name": stored.name, "scopes": stored.scopes, "expires_at": stored.expires_at}
        event = AuditEvent("create_api_key", new.workspace_id, "api_key", str(stored.key_id), details=details)
        await audit.append(connection, gateway.actor(request), event)
    return NewKeyAnswer(**KeyView.of(stored).model_dump(), key=key)


@router.get("", summary="Keys that are not revoked; members see their own")
async def list_api_keys(caller: UserCaller, gateway: GatewayDep) -> KeyList:
    """Return the keys with their first characters and when they were last used."""
    found = await api_keys.list_active(gateway.pool, uuid.UUID(caller.workspace_id), created_by=_only_of(caller))
    return KeyList(api_keys=[KeyView.of(key) for key in found])


@router.delete("/{key_id}", status_code=204, responses=problems(404), summary="Revoke a key at once")
async def revoke_api_key(key_id: KeyId, request: Request, caller: UserCaller, gateway: GatewayDep) -> Response:
    """Refuse the key from the moment this answers; members revoke their own keys only."""
    workspace_id, key = uuid.UUID(caller.workspace_id), parse_id(key_id)
    async with gateway.transaction() as connection:
        if not await api_keys.revoke(connection, workspace_id, key, created_by=_only_of(caller)):
            raise NotFoundError
        await audit.append(
            connection, gateway.actor(request), AuditEvent("revoke_api_key", workspace_id, "api_key", str(key))
        )
    await gateway.access_withdrawn()
    return Response(status_code=204)


def _only_of(caller: AuthContext) -> uuid.UUID | None:
    return None if Permission.ADMIN in caller.permissions else uuid.UUID(caller.subject_id)
