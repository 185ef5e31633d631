"""Routes of the processing service: what became of what was sent."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from processing.app.consumer.waiting import read_waiting
from processing.app.dependencies import (
    Admin,
    MetadataPool,
    Queue,
    Range,
    Reader,
    ReceiptId,
    ReceiptReader,
    TraceId,
    TracesPool,
    Writer,
)
from processing.app.models import (
    DeadLetter,
    IngestionHealth,
    LetterFilter,
    LetterState,
    Receipt,
    ReplayRequest,
    ReplayResult,
)
from processing.app.presentation import present_letter
from processing.app.publisher import append_replays
from processing.app.queries.deletion import Deletion, delete_trace
from processing.app.queries.health import read_health
from processing.app.queries.letters import are_known, audit_replay, find_letters, read_letters, replay_letters
from processing.app.queries.receipts import read_receipt
from shared.errors import NotFoundError
from shared.http.cursor import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor, read_time, read_uuid
from shared.http.envelope import request_id, success
from shared.http.guard import GuardedRoute
from shared.http.paths import EncodedPathRoute
from shared.http.schema import Enveloped, EnvelopedPage, problems
from shared.ids import trace_key

_CURSOR = "dead_letters"

router = APIRouter(
    prefix="/api/v1", tags=["ingestion"], route_class=GuardedRoute, responses=problems(401, 403, 422, 429, 503)
)


@router.get("/receipts/{receipt_id}", responses=problems(404), summary="What became of the items of one request")
async def get_receipt(caller: ReceiptReader, receipt_id: ReceiptId, queue: Queue, traces: TracesPool) -> Receipt:
    """Return the counts of one request by what became of its items; receipts are kept for 7 days."""
    # The queue first: what leaves it meanwhile is in the database by then.
    waiting = await queue.waiting_workspace(str(receipt_id))
    receipt = await read_receipt(traces, caller.workspace_number, receipt_id)
    if receipt is not None:
        return receipt
    if waiting == caller.workspace_number:
        return Receipt(state="queued")
    raise NotFoundError


@router.get("/ingestion/health", summary="Counters and delays of ingestion over a range of time")
async def get_health(caller: Reader, asked: Range, queue: Queue, traces: TracesPool) -> IngestionHealth:
    """Return the workspace's counts over the range, by reason and by key, and how long items took to be stored."""
    health = await read_health(traces, caller.workspace_number, asked)
    waiting = await read_waiting(queue)
    health.backlog_spans = waiting.items
    health.lag_seconds.now = round(waiting.oldest_seconds, 3)
    return health


@router.get(
    "/dead-letters",
    response_model=EnvelopedPage[DeadLetter],
    summary="Items that could not be stored, newest first",
)
async def list_dead_letters(
    request: Request,
    caller: Admin,
    traces: TracesPool,
    state: Annotated[LetterState | None, Query(description="Only letters in this state")] = None,
    reason: Annotated[str | None, Query(max_length=100, description="Only letters with this reason")] = None,
    cursor: Annotated[
        str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`pagination.cursor` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most letters of a page")] = 50,
) -> Response:
    """Return a page of what could not be stored, with its reason; payloads come without secrets."""
    before: tuple[datetime, UUID] | None = None
    if cursor is not None:
        created_at, identifier = decode_cursor(cursor, _CURSOR, [read_time, read_uuid])
        before = (created_at, identifier)
    rows = await read_letters(
        traces,
        caller.workspace_number,
        state=state,
        reason=None if reason is None else reason.replace("\0", ""),
        before=before,
        limit=limit + 1,
    )
    page = rows[:limit]
    has_more = len(rows) > limit
    following = encode_cursor(_CURSOR, page[-1]["created_at"], page[-1]["dead_letter_id"]) if has_more else None
    return success(
        request,
        [present_letter(row).model_dump() for row in page],
        pagination={"cursor": following, "has_more": has_more, "limit": limit},
    )


@router.post(
    "/dead-letters/replay",
    status_code=202,
    response_model=Enveloped[ReplayResult],
    responses=problems(404),
    summary="Send dead letters through processing again",
)
async def replay_dead_letters(
    request: Request, caller: Admin, body: ReplayRequest, traces: TracesPool, metadata: MetadataPool, queue: Queue
) -> Response:
    """Begin the replay of letters that ``ids`` or ``filter`` name, up to 1,000 at a time.

    ``remaining`` says how many more the filter finds; call again for those. What is stored already stays stored once.
    """
    workspace = caller.workspace_number
    remaining = 0
    wanted: list[UUID]
    if body.ids is not None:
        wanted = list(dict.fromkeys(body.ids))
        if not await are_known(traces, workspace, wanted):
            raise NotFoundError
        details: dict[str, object] = {"ids": [str(identifier) for identifier in wanted]}
    else:
        chosen = body.filter or LetterFilter()
        wanted, remaining = await find_letters(traces, workspace, chosen)
        details = {"filter": chosen.model_dump(mode="json", exclude_none=True), "count": len(wanted)}
    # Before anything is replayed: what cannot be written down must not happen.
    await audit_replay(metadata, caller, request_id(request), details)
    begun = await replay_letters(traces, workspace, wanted, lambda letters: append_replays(queue, letters))
    result = ReplayResult(
        replayed=len(begun),
        skipped=len(wanted) - len(begun),
        remaining=remaining,
        ids=[str(identifier) for identifier in begun],
    )
    return success(request, result.model_dump(), status=202)


traces_router = APIRouter(
    prefix="/api/v1/traces", tags=["traces"], route_class=EncodedPathRoute, responses=problems(401, 403, 404, 429, 503)
)


@traces_router.delete("/{trace_id}", status_code=204, summary="Remove a trace and everything that belongs to it")
async def remove_trace(
    request: Request, caller: Admin, writer: Writer, metadata: MetadataPool, trace_id: TraceId
) -> Response:
    """Remove a trace with its spans, payloads, scores and dead letters; figures follow at once.

    What is received later under the same id is new data.
    """
    asked = Deletion(
        caller.workspace_number,
        UUID(caller.workspace_id),
        caller.principal,
        UUID(caller.subject_id),
        request_id(request),
        trace_id,
        UUID(bytes=trace_key(trace_id)),
    )
    changed = await delete_trace(writer, metadata, asked)
    if not changed:
        raise NotFoundError
    relay = request.app.state.relay
    # Whoever deletes a trace and looks at once shall not see it any more.
    await relay.note({caller.workspace_number: changed})
    relay.announce()
    return Response(status_code=204)
