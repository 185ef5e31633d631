"""The platform's own JSON: flat traces, spans, scores, feedback, outcomes and reports of clients."""

from functools import partial

from starlette.responses import Response

from ingestion.app.intake import Receipt
from ingestion.app.routes.door import Door, Incoming, item_door
from shared.http.envelope import JsonResponse
from shared.streams.contracts import ItemFormat


async def _take_trace(incoming: Incoming) -> tuple[Response, Receipt | None]:
    receipt, items = await incoming.intake.take_items(incoming.sender, "flat", incoming.body, batch=False)
    answer = {
        "status": "accepted",
        "trace_id": items.accepted[0]["trace_id"],
        "receipt_id": receipt.receipt_id,
    }
    return JsonResponse(answer, status_code=202), receipt


async def _take_batch(kind: ItemFormat, incoming: Incoming) -> tuple[Response, Receipt | None]:
    receipt, items = await incoming.intake.take_items(incoming.sender, kind, incoming.body, batch=True)
    answer = {
        "accepted": len(items.accepted),
        "rejected": len(items.results) - len(items.accepted),
        "results": items.results,
        "receipt_id": receipt.receipt_id,
    }
    return JsonResponse(answer, status_code=202), receipt


async def _take_record(kind: ItemFormat, incoming: Incoming) -> tuple[Response, Receipt | None]:
    receipt, _ = await incoming.intake.take_items(incoming.sender, kind, incoming.body, batch=False)
    return JsonResponse({"status": "accepted", "receipt_id": receipt.receipt_id}, status_code=202), receipt


ITEM_DOORS: list[tuple[str, Door]] = [
    ("/api/v1/traces", item_door("flat_trace", _take_trace)),
    ("/api/v1/traces/batch", item_door("flat_batch", partial(_take_batch, "flat"))),
    ("/api/v1/spans/batch", item_door("span_batch", partial(_take_batch, "spans"))),
    ("/api/v1/scores", item_door("score", partial(_take_record, "scores"))),
    ("/api/v1/feedback", item_door("feedback", partial(_take_record, "feedback"))),
    ("/api/v1/outcomes", item_door("outcome", partial(_take_record, "outcomes"))),
    ("/api/v1/client-reports", item_door("client_report", partial(_take_record, "client_report"))),
]
