"""Workspaces: those of the caller, and the one that the credential names."""

import uuid

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.app.dependencies import Caller, GatewayDep, UserCaller
from gateway.app.models.auth import WorkspaceView
from gateway.app.models.workspaces import WorkspaceDeleted, WorkspaceRequest, WorkspaceUpdate
from gateway.app.queries import audit, workspaces
from gateway.app.queries.audit import AuditEvent
from gateway.app.queries.workspaces import WorkspaceChange
from shared.auth.permissions import Permission
from shared.errors import ConflictError, ForbiddenError, NotFoundError
from shared.http.envelope import success
from shared.http.guard import GuardedRoute, require
from shared.http.schema import Enveloped, EnvelopedPage, problems

router = APIRouter(
    prefix="/api/v1", tags=["workspaces"], route_class=GuardedRoute, responses=problems(400, 401, 403, 422, 429, 503)
)

_LONGEST_LIST = 1_000


@router.get(
    "/workspaces",
    dependencies=[Depends(require(Permission.ACCOUNT))],
    response_model=EnvelopedPage[WorkspaceView],
    summary="The caller's workspaces",
)
async def list_workspaces(request: Request, caller: UserCaller, gateway: GatewayDep) -> Response:
    """Return the workspaces that the user belongs to, with the role in each."""
    found = await workspaces.list_of_user(gateway.pool, uuid.UUID(caller.subject_id))
    data = [WorkspaceView.of(workspace).model_dump() for workspace in found]
    return success(request, data, pagination={"cursor": None, "has_more": False, "limit": _LONGEST_LIST})


@router.post(
    "/workspaces",
    status_code=201,
    dependencies=[Depends(require(Permission.ACCOUNT))],
    response_model=Enveloped[WorkspaceView],
    responses=problems(409),
    summary="Create a workspace, owned by the caller",
)
async def create_workspace(
    body: WorkspaceRequest, request: Request, caller: UserCaller, gateway: GatewayDep
) -> Response:
    """Return a new workspace that belongs to the caller; the slug is made from the name unless given."""
    if gateway.settings.registration == "closed" and not caller.platform_admin:
        raise ForbiddenError("New workspaces are made by the platform administrator.", code="registration_closed")
    async with gateway.transaction() as connection:
        workspace = await workspaces.create(
            connection,
            uuid.UUID(caller.subject_id),
            body.name,
            retention_days=gateway.settings.retention_days,
            slug=body.slug,
            description=body.description,
            timezone=body.timezone,
        )
        if workspace is None:
            raise ConflictError("The slug is taken.", code="slug_taken")
        event = AuditEvent("create_workspace", workspace.workspace_id, "workspace", str(workspace.workspace_id))
        await audit.append(connection, gateway.actor(request), event)
    return success(request, WorkspaceView.of(workspace).model_dump(), status=201)


@router.get(
    "/workspace",
    dependencies=[Depends(require(Permission.WORKSPACE_READ))],
    response_model=Enveloped[WorkspaceView],
    responses=problems(404),
    summary="The credential's workspace",
)
async def read_workspace(request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return the workspace that the credential belongs to; `role` is null for an API key."""
    async with gateway.pool.acquire() as connection:
        workspace = await workspaces.find(connection, uuid.UUID(caller.workspace_id), _user_id(caller.user_id))
    if workspace is None:
        raise NotFoundError
    return success(request, WorkspaceView.of(workspace).model_dump())


@router.put(
    "/workspace",
    dependencies=[Depends(require(Permission.ADMIN))],
    response_model=Enveloped[WorkspaceView],
    responses=problems(404, 409),
    summary="Change name, slug, description, time zone or retention",
)
async def update_workspace(body: WorkspaceUpdate, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Change what is given. Retention counts for what is stored and what arrives."""
    workspace_id = uuid.UUID(caller.workspace_id)
    values = body.model_dump(exclude_none=True)
    async with gateway.transaction() as connection:
        if not await workspaces.update(connection, workspace_id, WorkspaceChange(**values)):
            raise ConflictError("The slug is taken.", code="slug_taken")
        event = AuditEvent("update_workspace", workspace_id, "workspace", str(workspace_id), details=values)
        await audit.append(connection, gateway.actor(request), event)
        workspace = await workspaces.find(connection, workspace_id, _user_id(caller.user_id))
    if workspace is None:
        raise NotFoundError
    # Verdicts carry the retention that ingestion applies.
    await gateway.access_withdrawn()
    return success(request, WorkspaceView.of(workspace).model_dump())


@router.delete(
    "/workspace",
    dependencies=[Depends(require(Permission.WORKSPACE_DELETE))],
    response_model=Enveloped[WorkspaceDeleted],
    responses=problems(404),
    summary="Delete the workspace; every access to it ends at once",
)
async def delete_workspace(request: Request, caller: UserCaller, gateway: GatewayDep) -> Response:
    """Delete the workspace with its keys and memberships; the caller must own it."""
    workspace_id = uuid.UUID(caller.workspace_id)
    async with gateway.transaction() as connection:
        if not await workspaces.delete(connection, workspace_id):
            raise NotFoundError
        event = AuditEvent("delete_workspace", workspace_id, "workspace", str(workspace_id))
        await audit.append(connection, gateway.actor(request), event)
        job = await gateway.jobs.remove_workspace(connection, workspace_id)
    await gateway.access_withdrawn()
    await gateway.jobs.tell(job)
    return success(request, {"id": str(workspace_id)})


def _user_id(user_id: str | None) -> uuid.UUID | None:
    return uuid.UUID(user_id) if user_id is not None else None
