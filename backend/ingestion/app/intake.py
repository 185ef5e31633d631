"""What every transport does with a request: admit, check, count against the quota, queue, then answer."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from ingestion.app.admission import Admission
from ingestion.app.bodies import INLINE_BYTES, InflightBytes
from ingestion.app.metrics import count_request
from ingestion.app.publisher import Publisher
from ingestion.app.quota import SpanQuota
from ingestion.app.validation import SHAPES, Arrival, Items, read_batch, read_item
from shared.auth.context import AuthContext
from shared.errors import MalformedRequestError, PayloadTooLargeError
from shared.ids import body_digest, new_uuid7
from shared.otlp.envelope import OtlpDecodeError, TooManyItemsError
from shared.otlp.scan import ScanResult, WrongSignalError, scan_logs, scan_traces
from shared.streams.contracts import ItemFormat, PendingRequest

Signal = Literal["traces", "logs"]
Result = TypeVar("Result")

_SCANS = {"traces": scan_traces, "logs": scan_logs}
_FORMATS: dict[tuple[Signal, bool], ItemFormat] = {
    ("traces", False): "otlp_traces",
    ("traces", True): "otlp_traces_json",
    ("logs", False): "otlp_logs",
    ("logs", True): "otlp_logs_json",
}


@dataclass(slots=True)
class Sender:
    """Who sent a request, and by which way."""

    context: AuthContext
    request_id: str
    transport: Literal["http", "grpc"]


@dataclass(slots=True)
class Receipt:
    """A request that is in the queue; ``headers`` are those of the rate limit, as ASGI has them."""

    receipt_id: str
    headers: list[tuple[bytes, bytes]]


class Intake:
    """Takes requests into the queue."""

    def __init__(self, admission: Admission, quota: SpanQuota, publisher: Publisher, inflight: InflightBytes) -> None:
        self._admission = admission
        self._quota = quota
        self._publisher = publisher
        self.inflight = inflight

    def admit(self) -> None:
        """Let a request pass before its body is read.

        Raises:
            UnavailableError: The queue is full or unreachable.
        """
        self._admission.check()

    async def take_otlp(self, sender: Sender, signal: Signal, body: bytes, *, json: bool) -> tuple[Receipt, ScanResult]:
        """Queue an OTLP request and return what was refused of it.

        Raises:
            MalformedRequestError: The body is not such a request.
            PayloadTooLargeError: It has too many items.
            RateLimitedError: The quota of the workspace is used up.
            UnavailableError: The queue does not take it.
        """
        received_at = time.time_ns()
        result, digest = await self._run(len(body), lambda: _scan(sender, signal, body, json, received_at))
        receipt = await self._queue(
            sender, _FORMATS[signal, json], body, received_at, result.received, result.rejected, digest
        )
        return receipt, result

    async def take_items(self, sender: Sender, kind: ItemFormat, body: bytes, *, batch: bool) -> tuple[Receipt, Items]:
        """Queue items in the platform's own JSON.

        Raises:
            MalformedRequestError: The body is not JSON.
            InvalidFieldsError: The body, or its only item, is not valid.
            ForbiddenError: Another workspace is named.
            RateLimitedError: The quota of the workspace is used up.
            UnavailableError: The queue does not take it.
        """
        received_at = time.time_ns()
        arrival = Arrival(received_at, sender.context)
        read = read_batch if batch else read_item
        items = await self._run(len(body), lambda: read(body, SHAPES[kind], arrival))
        received = len(items.results) if batch else 1
        content = items.body[1:-1] if kind == "client_report" else items.body
        digest = body_digest(content) if len(items.accepted) > 1 else None
        receipt = await self._queue(sender, kind, content, received_at, received, items.rejected, digest)
        return receipt, items

    async def _run(self, size: int, work: Callable[[], Result]) -> Result:
        """Do some work here or, where it would keep other requests waiting, in a thread."""
        if size <= INLINE_BYTES:
            return work()
        async with self.inflight.heavy:
            return await asyncio.to_thread(work)

    async def _queue(
        self,
        sender: Sender,
        kind: ItemFormat,
        body: bytes,
        received_at: int,
        received: int,
        rejected: dict[str, int],
        digest: str | None,
    ) -> Receipt:
        context = sender.context
        headers = await self._quota.take(context.workspace_id, received)
        receipt_id = str(new_uuid7(received_at))
        request = PendingRequest(
            receipt_id=receipt_id,
            workspace_id=context.workspace_number,
            workspace=context.workspace_id,
            received_at=received_at,
            format=kind,
            size=len(body),
            received=received,
            retention_days=context.retention_days,
            key_id=context.key_id,
            request_id=sender.request_id,
            digest=digest,
            rejected=rejected,
        )
        await self._publisher.publish(request, body)
        count_request(kind, sender.transport, received, len(body), rejected)
        return Receipt(receipt_id, headers)


def _scan(sender: Sender, signal: Signal, body: bytes, json: bool, received_at: int) -> tuple[ScanResult, str | None]:
    try:
        result = _SCANS[signal](body, received_at, sender.context.retention_days, json=json)
    except WrongSignalError as error:
        raise MalformedRequestError(str(error), code="wrong_signal") from error
    except OtlpDecodeError as error:
        raise MalformedRequestError(str(error)) from error
    except TooManyItemsError as error:
        raise PayloadTooLargeError(str(error), code="too_many_items") from error
    return result, body_digest(body) if result.received > 1 else None
