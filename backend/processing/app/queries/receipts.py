"""Receipts: what became of the items of one request."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from processing.app.models import Receipt
from shared.database import Pool
from shared.ids import uuid7_time

# The id is made when the request arrives, so its time says which day's partition holds the row.
_TOLERANCE = timedelta(minutes=10)

_SELECT_RECEIPT = """
select received, stored, duplicate, rejected, dead_lettered, reasons::text as reasons
from ingest_receipts
where workspace_id = $1 and receipt_id = $2 and received_at between $3 and $4
"""


async def read_receipt(pool: Pool, workspace: int, receipt_id: UUID) -> Receipt | None:
    """Return the receipt of a request that was processed, None when the workspace has none of this id."""
    if receipt_id.version != 7:
        return None
    time = uuid7_time(receipt_id)
    row: Any = await pool.fetchrow(_SELECT_RECEIPT, workspace, receipt_id, time - _TOLERANCE, time + _TOLERANCE)
    if row is None:
        return None
    return Receipt.of_counts(
        row["received"],
        row["stored"],
        row["duplicate"],
        row["rejected"],
        row["dead_lettered"],
        orjson.loads(row["reasons"]) if row["reasons"] else {},
    )
