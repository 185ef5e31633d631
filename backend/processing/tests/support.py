"""A worker on real servers, and requests as ingestion puts them into the queue."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import orjson
import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status
from redis.asyncio import Redis

from processing.app.config import Settings
from processing.app.consumer import Pipeline
from processing.app.publisher import Relay
from processing.app.queries.outbox import Outbox
from shared.database import Pool, create_pool
from shared.ids import new_uuid7
from shared.otlp.scan import scan_logs, scan_traces
from shared.redis import connect
from shared.streams.contracts import PROCESSING_GROUP, TRACES_PENDING, ItemFormat, PendingRequest
from shared.streams.queue import PendingQueue

SECOND = 1_000_000_000
WORKSPACE = 7
WORKSPACE_ID = str(uuid4())
SECRET = secrets.token_urlsafe(48)


def settings_for(traces_url: str, metadata_url: str, redis_url: str, **overrides: Any) -> Settings:
    values: dict[str, Any] = {
        "timescale_url": traces_url,
        "postgres_url": metadata_url,
        "redis_url": redis_url,
        "jwt_secret": SECRET,
        "api_key_salt": SECRET,
        "internal_token_secret": SECRET,
        "processing_port": 0,
        "processing_min_idle_seconds": 0.4,
        "processing_block_seconds": 0.1,
        **overrides,
    }
    return Settings(**values)


def key_value(key: str, value: Any) -> KeyValue:
    if isinstance(value, bool):
        return KeyValue(key=key, value=AnyValue(bool_value=value))
    if isinstance(value, int):
        return KeyValue(key=key, value=AnyValue(int_value=value))
    if isinstance(value, float):
        return KeyValue(key=key, value=AnyValue(double_value=value))
    return KeyValue(key=key, value=AnyValue(string_value=value))


def make_span(
    trace_id: bytes,
    span_id: int,
    parent: int | None = None,
    *,
    name: str = "step",
    start: int | None = None,
    duration: int | None = SECOND,
    error: str | None = None,
    attributes: dict[str, Any] | None = None,
    **dotted: Any,
) -> Span:
    """Return a span; in further names double underscores stand for dots; no duration leaves it open."""
    start = time.time_ns() - 60 * SECOND if start is None else start
    span = Span(
        trace_id=trace_id,
        span_id=span_id.to_bytes(8, "big"),
        name=name,
        start_time_unix_nano=start,
        end_time_unix_nano=0 if duration is None else start + duration,
        attributes=[
            *[key_value(key.replace("__", "."), value) for key, value in dotted.items()],
            *[key_value(key, value) for key, value in (attributes or {}).items()],
        ],
    )
    if parent is not None:
        span.parent_span_id = parent.to_bytes(8, "big")
    if error is not None:
        span.status.CopyFrom(Status(code=Status.STATUS_CODE_ERROR, message=error))
    return span


def llm_span(trace_id: bytes, span_id: int, parent: int | None = None, **attributes: Any) -> Span:
    return make_span(
        trace_id,
        span_id,
        parent,
        name="chat gpt-4o",
        **{
            "gen_ai__operation__name": "chat",
            "gen_ai__provider__name": "openai",
            "gen_ai__request__model": "gpt-4o",
            "gen_ai__response__model": "gpt-4o",
            "gen_ai__usage__input_tokens": 100,
            "gen_ai__usage__output_tokens": 20,
            **attributes,
        },
    )


def trace_body(*spans: Span, service: str = "tests") -> bytes:
    resource = ResourceSpans(scope_spans=[ScopeSpans(spans=spans)])
    resource.resource.attributes.append(key_value("service.name", service))
    return ExportTraceServiceRequest(resource_spans=[resource]).SerializeToString()


def log_body(*records: LogRecord) -> bytes:
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    ).SerializeToString()


def make_log(trace_id: bytes, span_id: int, event: str, *, time_ns: int | None = None, **attributes: Any) -> LogRecord:
    return LogRecord(
        time_unix_nano=time.time_ns() - 30 * SECOND if time_ns is None else time_ns,
        trace_id=trace_id,
        span_id=span_id.to_bytes(8, "big"),
        event_name=event,
        attributes=[key_value(key.replace("__", "."), value) for key, value in attributes.items()],
    )


def request_of(
    body: bytes | list[Any] | dict[str, Any],
    item_format: ItemFormat = "otlp_traces",
    *,
    workspace: int = WORKSPACE,
    workspace_id: str = WORKSPACE_ID,
    received_at: int | None = None,
    **fields: Any,
) -> tuple[PendingRequest, bytes]:
    """Return a request with the header that ingestion gives it."""
    received_at = time.time_ns() if received_at is None else received_at
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    retention = fields.setdefault("retention_days", 90)
    rejected: dict[str, int] = {}
    if item_format.startswith("otlp_"):
        scan = scan_logs if "logs" in item_format else scan_traces
        result = scan(content, received_at, retention, json=item_format.endswith("_json"))
        received, rejected = result.received, result.rejected
    else:
        received = len(body) if isinstance(body, list) else 1
    pending = PendingRequest(
        **{
            "receipt_id": str(new_uuid7(received_at)),
            "workspace_id": workspace,
            "workspace": workspace_id,
            "received_at": received_at,
            "format": item_format,
            "size": len(content),
            "received": received,
            "rejected": rejected,
            "digest": blake2b(content, digest_size=16).hexdigest() if received > 1 else None,
            **fields,
        }
    )
    return pending, content


@dataclass
class Bench:
    """The servers of a test, and a worker when asked for."""

    settings: Settings
    pool: Pool
    redis: Redis
    queue: PendingQueue
    stopping: list[asyncio.Event] = field(default_factory=list)

    async def append(self, *requests: tuple[PendingRequest, bytes], shard: int = 0) -> bytes:
        """Add one entry with these requests."""
        data = zstandard.ZstdCompressor(level=1).compress(b"".join(body for _, body in requests))
        return await self.queue.append(shard, [pending for pending, _ in requests], data)

    async def send(self, body: Any, item_format: ItemFormat = "otlp_traces", **fields: Any) -> PendingRequest:
        """Add an entry of one request and return its header."""
        request = request_of(body, item_format, **fields)
        await self.append(request)
        return request[0]

    @asynccontextmanager
    async def worker(self, **overrides: Any) -> AsyncIterator[asyncio.Task[None]]:
        """Run a worker and its relay."""
        settings = self.settings.model_copy(update=overrides)
        stopping = asyncio.Event()
        client = connect(settings.redis_url)
        relay = Relay(client, client, Outbox(self.pool), stopping)
        pipeline = Pipeline(self.pool, client, PendingQueue(client, self.queue.streams), stopping, relay, settings)
        tasks = [asyncio.create_task(pipeline.run()), asyncio.create_task(relay.run())]
        try:
            yield tasks[0]
        finally:
            stopping.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 20)
            await client.aclose()

    async def drain(self, seconds: float = 20.0) -> None:
        """Wait until nothing waits and nothing is pending."""
        async with asyncio.timeout(seconds):
            while await self.waiting():
                await asyncio.sleep(0.02)

    async def waiting(self) -> int:
        return sum([await self.redis.xlen(stream) for stream in self.queue.streams])

    async def pending(self) -> int:
        summary: Any = await self.redis.xpending(TRACES_PENDING, PROCESSING_GROUP)
        return int(summary["pending"])

    async def process(self, seconds: float = 20.0, **overrides: Any) -> None:
        """Run a worker until everything is settled."""
        async with self.worker(**overrides):
            await self.drain(seconds)

    async def rows(self, table: str, order: str = "1") -> list[dict[str, Any]]:
        return [dict(row) for row in await self.pool.fetch(f"select * from {table} order by {order}")]

    async def receipt(self, pending: PendingRequest) -> dict[str, Any]:
        row = await self.pool.fetchrow("select * from ingest_receipts where receipt_id = $1", pending.receipt_id)
        assert row is not None, "no receipt"
        return dict(row)

    async def counts(self, pending: PendingRequest) -> tuple[int, ...]:
        """Return received, stored, duplicate, rejected and dead-lettered of a request."""
        row = await self.receipt(pending)
        return tuple(row[name] for name in ("received", "stored", "duplicate", "rejected", "dead_lettered"))

    async def empty(self) -> None:
        """Forget everything that was stored."""
        tables = "trace_heads, spans, span_logs, span_payloads, traces, ingest_receipts, ingest_stats, dead_letters"
        await self.pool.execute(f"truncate {tables}")

    async def check_sums(self) -> None:
        """Hold receipts and statistics to the promise that nothing disappears uncounted."""
        for table in ("ingest_receipts", "ingest_stats"):
            wrong = await self.pool.fetchval(
                f"select count(*) from {table} where received <> stored + duplicate + rejected + dead_lettered"
            )
            assert wrong == 0, table
        names = "received, stored, duplicate, rejected, dead_lettered"
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names.split(", "))
        receipts, stats = [
            await self.pool.fetchrow(f"select {sums} from {table}") for table in ("ingest_receipts", "ingest_stats")
        ]
        assert receipts == stats

    async def state(self) -> dict[str, Sequence[Any]]:
        """Return everything derived from spans, without what differs from run to run."""
        traces = await self.rows("traces", "workspace_id, trace_id")
        for row in traces:
            del row["stored_at"], row["revision"]
        return {"spans": await self.rows("spans", "workspace_id, trace_id, span_id"), "traces": traces}


@asynccontextmanager
async def open_bench(settings: Settings) -> AsyncIterator[Bench]:
    pool = await create_pool(
        settings.timescale_url,
        service="tests",
        size=6,
        server_settings={"plan_cache_mode": "force_custom_plan", "jit": "off"},
    )
    client = connect(settings.redis_url)
    try:
        yield Bench(settings, pool, client, PendingQueue(client, [TRACES_PENDING]))
    finally:
        await client.aclose()
        await pool.close()
