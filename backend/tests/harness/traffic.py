"""Small traces with known totals, and a client that keeps a ledger of what was acknowledged."""

import asyncio
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

TOKENS_PER_CALL = 10
COST_PER_CALL_USD = 0.0005


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def make_spans(pick: random.Random, traces: int, spans_per_trace: int = 7) -> list[Span]:
    """Return spans of whole traces: one agent and, below it, model calls of ten tokens and a known cost each."""
    now = time.time_ns()
    spans = []
    for _ in range(traces):
        trace_id, root = pick.randbytes(16), pick.randbytes(8)
        start = now - pick.randrange(10**9, 6 * 10**10)
        spans.append(
            Span(
                trace_id=trace_id,
                span_id=root,
                name="agent",
                start_time_unix_nano=start,
                end_time_unix_nano=start + 10**9,
                attributes=[_text("gen_ai.operation.name", "invoke_agent"), _text("gen_ai.agent.name", "ledger")],
            )
        )
        for call in range(spans_per_trace - 1):
            spans.append(
                Span(
                    trace_id=trace_id,
                    span_id=pick.randbytes(8),
                    parent_span_id=root,
                    name="chat",
                    start_time_unix_nano=start + call * 10**7,
                    end_time_unix_nano=start + (call + 1) * 10**7,
                    attributes=[
                        _text("gen_ai.operation.name", "chat"),
                        _text("gen_ai.request.model", "ledger-model"),
                        KeyValue(key="gen_ai.usage.input_tokens", value=AnyValue(int_value=TOKENS_PER_CALL)),
                        KeyValue(key="operation.cost", value=AnyValue(double_value=COST_PER_CALL_USD)),
                    ],
                )
            )
    return spans


def pack(spans: list[Span]) -> bytes:
    """Return an OTLP request of these spans."""
    request = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])])
    return request.SerializeToString()


def span_names(spans: list[Span]) -> list[str]:
    """Return one line for each span: trace and span id in hexadecimal."""
    return [f"{span.trace_id.hex()}:{span.span_id.hex()}" for span in spans]


@dataclass
class Ledger:
    """What a client sent and what came back. Each acknowledged id reaches the disk before the next request leaves."""

    path: Path
    sent: set[str] = field(default_factory=set)
    acked: set[str] = field(default_factory=set)
    unanswered: set[str] = field(default_factory=set)
    receipts: list[str] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def acknowledge(self, names: list[str], receipt: str) -> None:
        """Record an acknowledgement durably."""
        with self.path.open("a") as file:
            file.write("\n".join(names) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.acked.update(names)
        self.unanswered.difference_update(names)
        self.receipts.append(receipt)

    def count(self, status: int) -> None:
        """Count an answer; 0 stands for none."""
        self.statuses[status] = self.statuses.get(status, 0) + 1


class LedgerClient:
    """Sends traces until they are acknowledged, as an exporter with patience would."""

    def __init__(self, url: str, key: str, ledger: Ledger, *, timeout: float = 10.0) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-protobuf"}
        self.ledger = ledger
        self._timeout = timeout

    async def send(self, spans: list[Span], *, attempts: int = 1, pause: float = 0.2) -> bool:
        """Send one request, again after a 503 or a broken connection, and return whether it was acknowledged."""
        names = span_names(spans)
        self.ledger.sent.update(names)
        self.ledger.unanswered.update(set(names) - self.ledger.acked)
        async with httpx.AsyncClient(timeout=self._timeout) as client:
            for attempt in range(attempts):
                if attempt:
                    await asyncio.sleep(pause)
                try:
                    answer = await client.post(self._url, content=pack(spans), headers=self._headers)
                except httpx.HTTPError:
                    self.ledger.count(0)
                    continue
                self.ledger.count(answer.status_code)
                if answer.status_code == 200:
                    self.ledger.acknowledge(names, answer.headers["X-Receipt-ID"])
                    return True
                assert answer.status_code in (429, 503), answer.text
        return False

    async def flood(
        self, pick: random.Random, requests: int, *, traces: int = 10, attempts: int = 60, connections: int = 4
    ) -> None:
        """Send this many requests of this many traces each, several at a time."""
        batches = iter([make_spans(pick, traces) for _ in range(requests)])

        async def work() -> None:
            for spans in batches:
                await self.send(spans, attempts=attempts)

        await asyncio.gather(*(work() for _ in range(connections)))
