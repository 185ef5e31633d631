"""Routes of saved views."""

import uuid
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from query.app.dependencies import Caller, Metadata, NoParameters, Writer
from query.app.models.views import DeletedView, View, ViewBody, ViewParameters
from query.app.presentation import Row
from query.app.queries import views as queries
from query.app.views import MOST_VIEWS, find_problem, read_definition
from shared.auth.context import AuthContext
from shared.auth.permissions import Permission
from shared.errors import NotFoundError
from shared.http.envelope import success
from shared.http.guard import GuardedRoute
from shared.http.parameters import check_names
from shared.http.schema import Enveloped, EnvelopedPage, problems

_NAMES = tuple(ViewParameters.model_fields)

router = APIRouter(
    prefix="/api/v1/views", tags=["views"], route_class=GuardedRoute, responses=problems(401, 403, 422, 429, 503)
)


def _parameters(request: Request, parameters: Annotated[ViewParameters, Query()]) -> ViewParameters:
    check_names(request.query_params.keys(), _NAMES)
    return parameters


def _view_id(view_id: Annotated[str, Path(description="Id of the view")]) -> uuid.UUID:
    try:
        return uuid.UUID(view_id)
    except ValueError:
        raise NotFoundError from None


ViewId = Annotated[uuid.UUID, Depends(_view_id)]


@router.get("", response_model=EnvelopedPage[View], summary="Saved views")
async def list_views(
    request: Request,
    caller: Caller,
    metadata: Metadata,
    parameters: Annotated[ViewParameters, Depends(_parameters)],
) -> Response:
    """Return the caller's own views and those shared with the workspace, by name."""
    viewer = _viewer(caller)
    rows = await queries.list_views(viewer.workspace_id, metadata, viewer, parameters.page)
    views = [_view(row, viewer) for row in rows]
    return success(request, views, pagination={"cursor": None, "has_more": False, "limit": MOST_VIEWS})


@router.post(
    "",
    response_model=Enveloped[View],
    status_code=201,
    dependencies=[NoParameters],
    responses=problems(400, 404, 409, 413),
    summary="Save a view",
)
async def create_view(request: Request, caller: Writer, metadata: Metadata, body: ViewBody) -> Response:
    """Save a filter with columns and order; it is checked as the search that it stands for."""
    viewer = _viewer(caller)
    row = await queries.create_view(viewer.workspace_id, metadata, viewer, _new(body), MOST_VIEWS)
    return success(request, _view(row, viewer), status=201)


@router.put(
    "/{view_id}",
    response_model=Enveloped[View],
    dependencies=[NoParameters],
    responses=problems(400, 404, 413),
    summary="Replace a view",
)
async def replace_view(
    request: Request, caller: Writer, metadata: Metadata, view_id: ViewId, body: ViewBody
) -> Response:
    """Save a view anew; its owner and administrators may."""
    viewer = _viewer(caller)
    row = await queries.replace_view(viewer.workspace_id, metadata, viewer, view_id, _new(body))
    return success(request, _view(row, viewer))


@router.delete(
    "/{view_id}",
    response_model=Enveloped[DeletedView],
    dependencies=[NoParameters],
    responses=problems(404),
    summary="Delete a view",
)
async def delete_view(request: Request, caller: Writer, metadata: Metadata, view_id: ViewId) -> Response:
    """Delete a view; its owner and administrators may."""
    viewer = _viewer(caller)
    await queries.delete_view(viewer.workspace_id, metadata, viewer, view_id)
    return success(request, {"id": str(view_id), "deleted": True})


def _viewer(caller: AuthContext) -> queries.Viewer:
    return queries.Viewer(
        uuid.UUID(caller.workspace_id), uuid.UUID(caller.subject_id), Permission.ADMIN in caller.permissions
    )


def _new(body: ViewBody) -> queries.NewView:
    return queries.NewView(body.name, body.scope, body.page, read_definition(body))


def _view(row: Row, viewer: queries.Viewer) -> dict[str, object]:
    definition = orjson.loads(row["definition"])
    return {
        "id": str(row["view_id"]),
        "name": row["name"],
        "scope": row["scope"],
        "page": row["page"],
        "definition": definition,
        "problem": find_problem(definition),
        "owner_id": str(row["owner_id"]),
        "can_change": viewer.may_change(row["owner_id"]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }
