"""The platform's own JSON: flat traces, spans, scores, feedback, outcomes and reports of clients."""

from functools import partial
from typing import Any

import orjson

from ingestion.app.intake import Receipt
from ingestion.app.routes.door import Answer, Door, Incoming, item_door
from shared.streams.contracts import ItemFormat


async def _take_trace(incoming: Incoming) -> Answer:
    receipt, items = await incoming.intake.take_items(incoming.sender, "flat", incoming.body, batch=False)
    return _accepted(receipt, {"status": "accepted", "trace_id": items.accepted[0]["trace_id"]})


async def _take_batch(kind: ItemFormat, incoming: Incoming) -> Answer:
    receipt, items = await incoming.intake.take_items(incoming.sender, kind, incoming.body, batch=True)
    rejected = len(items.results) - len(items.accepted)
    return _accepted(receipt, {"accepted": len(items.accepted), "rejected": rejected, "results": items.results})


async def _take_record(kind: ItemFormat, incoming: Incoming) -> Answer:
    receipt, _ = await incoming.intake.take_items(incoming.sender, kind, incoming.body, batch=False)
    return _accepted(receipt, {"status": "accepted"})


def _accepted(receipt: Receipt, content: dict[str, Any]) -> Answer:
    content["receipt_id"] = receipt.receipt_id
    return Answer(202, orjson.dumps(content), "application/json", receipt)


ITEM_DOORS: list[tuple[str, Door]] = [
    ("/api/v1/traces", item_door("flat_trace", _take_trace)),
    ("/api/v1/traces/batch", item_door("flat_batch", partial(_take_batch, "flat"))),
    ("/api/v1/spans/batch", item_door("span_batch", partial(_take_batch, "spans"))),
    ("/api/v1/scores", item_door("score", partial(_take_record, "scores"))),
    ("/api/v1/feedback", item_door("feedback", partial(_take_record, "feedback"))),
    ("/api/v1/outcomes", item_door("outcome", partial(_take_record, "outcomes"))),
    ("/api/v1/client-reports", item_door("client_report", partial(_take_record, "client_report"))),
]
