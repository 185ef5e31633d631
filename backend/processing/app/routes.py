"""Routes of the processing service: what became of what was sent."""

from fastapi import APIRouter

from processing.app.dependencies import Queue, ReceiptId, ReceiptReader, TracesPool
from processing.app.models import Receipt
from processing.app.queries.receipts import read_receipt
from shared.errors import NotFoundError

router = APIRouter(prefix="/api/v1", tags=["ingestion"])


@router.get("/receipts/{receipt_id}", summary="What became of the items of one request")
async def get_receipt(caller: ReceiptReader, receipt_id: ReceiptId, queue: Queue, traces: TracesPool) -> Receipt:
    # The queue first: what leaves it meanwhile is in the database by then.
    waiting = await queue.waiting_workspace(str(receipt_id))
    receipt = await read_receipt(traces, caller.workspace_number, receipt_id)
    if receipt is not None:
        return receipt
    if waiting == caller.workspace_number:
        return Receipt(state="queued")
    raise NotFoundError
