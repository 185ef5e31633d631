"""What the routes of the processing service are given."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path, Request

from shared.auth.context import AuthContext
from shared.auth.permissions import Permission
from shared.database import Pool
from shared.errors import NotFoundError
from shared.http.guard import require
from shared.http.ranges import TimeRange, time_range
from shared.streams.queue import PendingQueue


def _reader(request: Request) -> Pool:
    pool: Pool = request.app.state.reader
    return pool


def _writer(request: Request) -> Pool:
    pool: Pool = request.app.state.writer
    return pool


def _metadata(request: Request) -> Pool:
    pool: Pool = request.app.state.metadata
    return pool


def _queue(request: Request) -> PendingQueue:
    queue: PendingQueue = request.app.state.queue
    return queue


def _receipt_id(
    receipt_id: Annotated[
        str, Path(description="As in X-Receipt-ID", examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])
    ],
) -> UUID:
    """Return the id, for which a text that is none stands for a receipt that does not exist."""
    try:
        return UUID(receipt_id)
    except ValueError as error:
        raise NotFoundError from error


ReceiptReader = Annotated[AuthContext, Depends(require(Permission.RECEIPTS_READ))]
Reader = Annotated[AuthContext, Depends(require(Permission.READ))]
Admin = Annotated[AuthContext, Depends(require(Permission.ADMIN))]
TracesPool = Annotated[Pool, Depends(_reader)]
Writer = Annotated[Pool, Depends(_writer)]
TraceId = Annotated[str, Path(description="As sent, percent-encoded; a slash is %2F")]
MetadataPool = Annotated[Pool, Depends(_metadata)]
Queue = Annotated[PendingQueue, Depends(_queue)]
ReceiptId = Annotated[UUID, Depends(_receipt_id)]
Range = Annotated[TimeRange, Depends(time_range())]
