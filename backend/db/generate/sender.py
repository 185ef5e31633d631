"""Sends requests to the gateway with bounded concurrency and waits until what was sent is stored."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

import aiohttp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from db.generate.requests import PROTOBUF, Request

_RETRIED = frozenset({408, 429, 502, 503, 504})
_PATIENCE_SECONDS = 120.0
_FINAL_STATES = frozenset({"stored", "partial", "rejected", "dead_lettered"})


class SendError(Exception):
    """The gateway refused a request, or did not answer in time."""


@dataclass(slots=True)
class Sent:
    """What became of the requests; ``states`` counts receipts by their final state."""

    requests: int = 0
    traces: int = 0
    rejected: int = 0
    receipts: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0


class Sender:
    """A connection to the gateway with one API key.

    Args:
        url: Address of the gateway.
        key: API key with the scope ``ingest``.
        concurrency: Requests under way at once.
    """

    def __init__(self, url: str, key: str, concurrency: int = 4) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._concurrency = concurrency

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=60),
            connector=aiohttp.TCPConnector(limit=self._concurrency),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def send(self, requests: Iterable[Request], advance: Callable[[int], object]) -> Sent:
        """Send all requests; ``advance`` is told how many traces went out with each.

        Raises:
            SendError: A request was refused for another reason than overload, or overload lasted two minutes.
        """
        sent = Sent()
        queue: asyncio.Queue[Request | None] = asyncio.Queue(self._concurrency)

        async def produce() -> None:
            for request in requests:
                await queue.put(request)
            for _ in range(self._concurrency):
                await queue.put(None)

        async def consume() -> None:
            while (request := await queue.get()) is not None:
                await self._post(request, sent)
                advance(request.traces)

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(produce())
                for _ in range(self._concurrency):
                    group.create_task(consume())
        except* SendError as errors:
            raise errors.exceptions[0] from None
        return sent

    async def wait_until_stored(self, sent: Sent, advance: Callable[[int], object], seconds: float = 300.0) -> None:
        """Wait until every receipt says what became of its request.

        Raises:
            SendError: Some are still queued after so many seconds.
        """
        waiting = list(sent.receipts)
        try:
            async with asyncio.timeout(seconds):
                while waiting:
                    answers: list[str | None] = []
                    for start in range(0, len(waiting), self._concurrency):
                        batch = waiting[start : start + self._concurrency]
                        answers += await asyncio.gather(*(self._settled(receipt, sent) for receipt in batch))
                    settled = sum(answer is None for answer in answers)
                    advance(settled)
                    waiting = [receipt for receipt in answers if receipt is not None]
                    if waiting:
                        await asyncio.sleep(0.5)
        except TimeoutError:
            raise SendError(f"{len(waiting)} requests are still queued after {seconds:.0f} s") from None

    async def _settled(self, receipt: str, sent: Sent) -> str | None:
        """Return None for a receipt that is final and the receipt itself while it is not."""
        try:
            async with self._session.get(f"{self._url}/api/v1/receipts/{receipt}") as response:
                if response.status != HTTPStatus.OK:
                    return receipt
                content = await response.json()
        except aiohttp.ClientError:
            return receipt
        body = content.get("data", content)
        if body["state"] not in _FINAL_STATES:
            return receipt
        sent.states[body["state"]] += 1
        sent.duplicates += body.get("duplicate", 0)
        return None

    async def _post(self, request: Request, sent: Sent) -> None:
        headers = {"Content-Type": request.content_type}
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        deadline = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        delay = 0.2
        while True:
            problem, wait = "no connection", delay
            try:
                async with self._session.post(self._url + request.path, data=request.body, headers=headers) as response:
                    body = await response.read()
                    if response.ok:
                        self._count(request, response, body, sent)
                        return
                    problem = f"{response.status} {body[:300].decode('utf-8', 'replace')}"
                    if response.status not in _RETRIED:
                        raise SendError(f"{request.path} was refused: {problem}")
                    wait = _retry_after(response, delay)
            except (aiohttp.ClientError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            if asyncio.get_running_loop().time() + wait > deadline:
                raise SendError(f"{request.path} failed for {_PATIENCE_SECONDS:.0f} s: {problem}")
            await asyncio.sleep(wait)
            delay = min(delay * 2, 5.0)

    def _count(self, request: Request, response: aiohttp.ClientResponse, body: bytes, sent: Sent) -> None:
        sent.requests += 1
        sent.traces += request.traces
        if request.content_type == PROTOBUF:
            sent.rejected += ExportTraceServiceResponse.FromString(body).partial_success.rejected_spans
        if receipt := response.headers.get("X-Receipt-ID"):
            sent.receipts.append(receipt)


def _retry_after(response: aiohttp.ClientResponse, otherwise: float) -> float:
    try:
        return max(float(response.headers.get("Retry-After", "")), 0.05)
    except ValueError:
        return otherwise
