"""Routes that read sessions."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from query.app.actors import Listing, place_of, read_bounds, read_listing, session_view
from query.app.basis import Answer, Basis
from query.app.dependencies import Caller
from query.app.models.actors import Session, SessionPageParameters, SessionParameters, SessionWithTraces
from query.app.presentation import trace_view
from query.app.queries import actors as queries
from query.app.queries import traces
from query.app.routes.asking import Answers
from query.app.routes.listing import PathId, answer_listing, names_of, path_id
from shared.database import Connection
from shared.errors import NotFoundError
from shared.http.cursor import decode_cursor, encode_cursor, read_time, read_uuid
from shared.http.parameters import check_names
from shared.http.paths import EncodedPathRoute
from shared.http.schema import Enveloped, EnvelopedPage, problems
from shared.rollups.spec import SESSION

_NAMES = names_of(SessionParameters)
_PAGE_NAMES = names_of(SessionPageParameters)
_TRACES = "session:traces"

router = APIRouter(
    prefix="/api/v1/sessions",
    tags=["sessions"],
    route_class=EncodedPathRoute,
    responses=problems(401, 403, 404, 422, 429, 503),
)


def _listing(request: Request, parameters: Annotated[SessionParameters, Query()]) -> Listing:
    check_names(request.query_params.keys(), _NAMES)
    return read_listing("sessions", parameters, now=datetime.now(UTC))


def _page(request: Request, parameters: Annotated[SessionPageParameters, Query()]) -> SessionPageParameters:
    check_names(request.query_params.keys(), _PAGE_NAMES)
    return parameters


@router.get("", response_model=EnvelopedPage[Session], summary="Sessions, those active last first")
async def list_sessions(caller: Caller, answers: Answers, listing: Annotated[Listing, Depends(_listing)]) -> Response:
    """Return a page of sessions with a trace that the filters fit; figures are of all their traces in the range."""
    return await answer_listing(caller, answers, listing, "session_id", SESSION, session_view)


@router.get("/{session_id}", response_model=Enveloped[SessionWithTraces], summary="One session with its traces")
async def read_session(
    caller: Caller,
    answers: Answers,
    session_id: PathId,
    parameters: Annotated[SessionPageParameters, Depends(_page)],
) -> Response:
    """Return a session and a page of its traces, oldest first; ``traces_cursor`` continues them."""
    workspace = caller.workspace_number
    session_id = path_id(session_id)
    bounds = read_bounds(parameters.range_name, parameters.start, parameters.end)
    after = None
    if parameters.cursor is not None:
        after = decode_cursor(parameters.cursor, _TRACES, (read_time, read_uuid))

    async def compute(connection: Connection) -> Answer:
        found = await queries.read_figures(workspace, connection, "session_id", [session_id], bounds.start, bounds.end)
        if not found:
            raise NotFoundError
        rows = await queries.read_session_traces(
            workspace, connection, session_id, bounds.start, bounds.end, after, parameters.limit
        )
        has_more = len(rows) > parameters.limit
        del rows[parameters.limit :]
        scores = await traces.read_scores(workspace, connection, [row["trace_id"] for row in rows])
        means = await queries.read_session_scores(workspace, connection, session_id, bounds.start, bounds.end)
        views = [trace_view(row, scores.get(row["trace_id"], {})) for row in rows]
        cursor = encode_cursor(_TRACES, *place_of(rows[-1])) if has_more else None
        session = {**session_view(found[0]), "scores": means, "traces": views, "traces_cursor": cursor}
        return Answer(session, Basis.of_times(bounds.start, bounds.end))

    return await answers.keep(caller, compute)
