"""Routes that read users, the people on whose behalf agents ran."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from query.app.actors import Listing, read_bounds, read_listing, user_parts_view, user_view
from query.app.basis import Answer, Basis
from query.app.dependencies import Caller
from query.app.models.actors import User, UserDetail, UserDetailParameters, UserParameters
from query.app.presentation import trace_view
from query.app.queries import actors as queries
from query.app.queries import traces
from query.app.routes.asking import Answers
from query.app.routes.listing import PathId, answer_listing, names_of, path_id
from shared.database import Connection
from shared.errors import NotFoundError
from shared.http.parameters import check_names
from shared.http.paths import EncodedPathRoute
from shared.http.schema import Enveloped, EnvelopedPage, problems
from shared.rollups.spec import USER

_NAMES = names_of(UserParameters)
_DETAIL_NAMES = names_of(UserDetailParameters)

router = APIRouter(
    prefix="/api/v1/users",
    tags=["users"],
    route_class=EncodedPathRoute,
    responses=problems(401, 403, 404, 422, 429, 503),
)


def _listing(request: Request, parameters: Annotated[UserParameters, Query()]) -> Listing:
    check_names(request.query_params.keys(), _NAMES)
    return read_listing("users", parameters, now=datetime.now(UTC))


def _detail(request: Request, parameters: Annotated[UserDetailParameters, Query()]) -> UserDetailParameters:
    check_names(request.query_params.keys(), _DETAIL_NAMES)
    return parameters


@router.get("", response_model=EnvelopedPage[User], summary="Users, those active last first")
async def list_users(caller: Caller, answers: Answers, listing: Annotated[Listing, Depends(_listing)]) -> Response:
    """Return a page of users with a trace that the filters fit; figures are of all their traces in the range."""
    return await answer_listing(caller, answers, listing, "user_id", USER, user_view)


@router.get("/{user_id}", response_model=Enveloped[UserDetail], summary="One user with what it did")
async def read_user(
    caller: Caller,
    answers: Answers,
    user_id: PathId,
    parameters: Annotated[UserDetailParameters, Depends(_detail)],
) -> Response:
    """Return totals of a user in the range, by days, agents and models, and its failures, sessions and traces."""
    workspace = caller.workspace_number
    user_id = path_id(user_id)
    bounds = read_bounds(parameters.range_name, parameters.start, parameters.end, default="30d")

    async def compute(connection: Connection) -> Answer:
        found = await queries.read_figures(workspace, connection, "user_id", [user_id], bounds.start, bounds.end)
        if not found:
            raise NotFoundError
        parts = await queries.read_user_parts(workspace, connection, user_id, bounds.start, bounds.end)
        recent = parts["recent_traces"]
        scores = await traces.read_scores(workspace, connection, [row["trace_id"] for row in recent])
        views = [trace_view(row, scores.get(row["trace_id"], {})) for row in recent]
        user = {**user_view(found[0]), **user_parts_view(parts), "recent_traces": views}
        return Answer(user, Basis.of_times(bounds.start, bounds.end))

    return await answers.keep(caller, compute)
