"""Routes of prices: looking them up, changing a workspace's own, and pricing stored spans again."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from query.app.dependencies import Caller, Metadata, NoParameters, Primary, Writer
from query.app.models.prices import Price, PriceBody, PriceChange, PriceParameters, Repricing
from query.app.presentation import Row
from query.app.prices import changed_price, cursor_after, new_price, price_view, read_wanted
from query.app.publisher import tell_prices_changed
from query.app.queries import prices as queries
from query.app.queries.workspaces import Actor, append_audit
from shared.auth.context import AuthContext
from shared.database import Connection, Pool
from shared.errors import NotFoundError
from shared.http.envelope import request_id, success
from shared.http.guard import GuardedRoute
from shared.http.parameters import check_names
from shared.http.schema import Enveloped, EnvelopedPage, problems
from shared.jobs import store
from shared.jobs.client import create_job
from shared.jobs.store import Job
from shared.jobs.types import RepriceParams

router = APIRouter(
    prefix="/api/v1/prices", tags=["prices"], route_class=GuardedRoute, responses=problems(401, 403, 422, 429, 503)
)

_NAMES = tuple(PriceParameters.model_fields)
_LARGEST_ID = 2**31 - 1
# How long a dry run is waited for, and how often it is looked at.
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.1


def _wanted(request: Request, parameters: Annotated[PriceParameters, Query()]) -> PriceParameters:
    check_names(request.query_params.keys(), _NAMES)
    return parameters


def _price_id(price_id: Annotated[str, Path(description="Id of the price", examples=["2412"])]) -> int:
    if not (price_id.isascii() and price_id.isdigit() and len(price_id) <= 10) or int(price_id) > _LARGEST_ID:
        raise NotFoundError
    return int(price_id)


PriceId = Annotated[int, Depends(_price_id)]


@router.get("", response_model=EnvelopedPage[Price], summary="Prices: the workspace's own, then the catalogue's")
async def list_prices(
    request: Request, caller: Caller, primary: Primary, parameters: Annotated[PriceParameters, Depends(_wanted)]
) -> Response:
    """Return what models cost, by provider and model, with where each price is known from and when it holds.

    A price of the workspace's own comes before the catalogue's and before a cost that the sender reported.
    """
    limit = parameters.limit
    rows = await queries.list_prices(caller.workspace_number, primary, read_wanted(parameters), limit + 1)
    page, has_more = rows[:limit], len(rows) > limit
    following = cursor_after(page[-1]) if has_more else None
    pagination = {"cursor": following, "has_more": has_more, "limit": limit}
    return success(request, [price_view(row) for row in page], pagination=pagination)


@router.post(
    "",
    status_code=201,
    response_model=Enveloped[Price],
    dependencies=[NoParameters],
    responses=problems(400, 409, 413),
    summary="Add a price of the workspace's own",
)
async def add_price(
    request: Request, caller: Writer, primary: Primary, metadata: Metadata, body: PriceBody
) -> Response:
    """Price a model for this workspace: spans that arrive from now on at once, stored ones when they are repriced.

    A price that changes at some time is a further price with ``valid_from``: of several the one that began last holds.
    """
    desk = _Desk(request, caller, metadata)
    row = await queries.add_price(
        caller.workspace_number, primary, desk.author, new_price(body), desk.record("create_price")
    )
    await desk.tell("added", row)
    return success(request, price_view(row), status=201)


@router.post(
    "/reprice",
    status_code=202,
    response_model=Enveloped[Repricing],
    dependencies=[NoParameters],
    responses={
        200: {"model": Enveloped[Repricing], "description": "The dry run has ended"},
        **problems(400, 413),
    },
    summary="Price stored spans again",
)
async def reprice(request: Request, caller: Writer, metadata: Metadata, body: RepriceParams) -> Response:
    """Work out the cost of stored spans again by the prices known now, as a job.

    A dry run changes nothing and tells exactly what would change: here if that takes a few seconds only, otherwise as
    the result of the job.
    """

    async def record(connection: Connection, job: Job) -> None:
        actor = Actor(caller.principal, caller.subject_id, request_id(request))
        await append_audit(connection, job.workspace_id, actor, "reprice", "job", str(job.job_id), dict(job.params))

    job = await create_job(
        metadata,
        request.app.state.queue_client,
        workspace_id=caller.workspace_id,
        owner_id=caller.user_id,
        key_id=caller.key_id,
        type="reprice",
        params=body.model_dump(mode="json", by_alias=True, exclude_none=True),
        record=record,
    )
    if body.dry_run:
        job = await _wait_for(metadata, job)
    return success(request, _repricing(job), status=200 if job.has_ended else 202)


async def _wait_for(metadata: Pool, job: Job) -> Job:
    """Return a job when it has ended, or as it is after a while."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not job.has_ended and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
        async with metadata.acquire() as connection:
            job = await store.find(connection, job.workspace_id, job.job_id) or job
    return job


def _repricing(job: Job) -> dict[str, object]:
    return {
        "job_id": str(job.job_id),
        "dry_run": job.params["dry_run"],
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "error": job.error,
        "result": job.result,
    }


@router.get(
    "/{price_id}",
    response_model=Enveloped[Price],
    dependencies=[NoParameters],
    responses=problems(404),
    summary="One price",
)
async def read_price(request: Request, caller: Caller, primary: Primary, price_id: PriceId) -> Response:
    """Return a price as spans name it in ``price_id``, also when it has been replaced since."""
    return success(request, price_view(await queries.read_price(caller.workspace_number, primary, price_id)))


@router.put(
    "/{price_id}",
    response_model=Enveloped[Price],
    dependencies=[NoParameters],
    responses=problems(400, 404, 409, 413),
    summary="Correct a price of the workspace's own",
)
async def change_price(
    request: Request, caller: Writer, primary: Primary, metadata: Metadata, price_id: PriceId, body: PriceChange
) -> Response:
    """Put a corrected price, with an id of its own, in the place of one, which stays in history as replaced.

    The correction holds for all times of the price, so spans that were priced wrongly are right once repriced.
    """
    desk = _Desk(request, caller, metadata)
    row = await queries.change_price(
        caller.workspace_number,
        primary,
        desk.author,
        price_id,
        lambda old: changed_price(body, old["provider"], old["model"]),
        desk.record("update_price", replaces=price_id),
    )
    await desk.tell("changed", row)
    return success(request, price_view(row))


@router.delete(
    "/{price_id}",
    response_model=Enveloped[Price],
    dependencies=[NoParameters],
    responses=problems(404, 409),
    summary="Delete a price of the workspace's own",
)
async def delete_price(
    request: Request, caller: Writer, primary: Primary, metadata: Metadata, price_id: PriceId
) -> Response:
    """Let a price hold no more; it stays in history, and spans that it priced keep their cost until repriced."""
    desk = _Desk(request, caller, metadata)
    row = await queries.delete_price(caller.workspace_number, primary, price_id, desk.record("delete_price"))
    await desk.tell("deleted", row)
    return success(request, price_view(row))


class _Desk:
    """Writes down and tells what a caller changes."""

    def __init__(self, request: Request, caller: AuthContext, metadata: Pool) -> None:
        self._request = request
        self._caller = caller
        self._metadata = metadata

    @property
    def author(self) -> uuid.UUID:
        """Return the id of the user or the key."""
        return uuid.UUID(self._caller.subject_id)

    def record(self, action: str, **facts: object) -> queries.Record:
        """Return what writes a line of the audit log about a price."""

        async def record(row: Row) -> None:
            details: dict[str, object] = {**_named(row), "prices": row["prices"], **facts}
            workspace = uuid.UUID(self._caller.workspace_id)
            actor = Actor(self._caller.principal, self._caller.subject_id, request_id(self._request))
            async with self._metadata.acquire() as connection:
                await append_audit(connection, workspace, actor, action, "price", str(row["price_id"]), details)

        return record

    async def tell(self, change: str, row: Row) -> None:
        """Tell processing and whoever watches the workspace."""
        data: Mapping[str, Any] = {"change": change, "price_id": row["price_id"], **_named(row)}
        await tell_prices_changed(self._request.app.state.queue_client, self._caller.workspace_id, data)


def _named(row: Row) -> dict[str, object]:
    return {"provider": row["provider"], "model": row["model"]}
