from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from fastapi import FastAPI
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from ingestion.app.bodies import MAX_BODY_BYTES
from ingestion.tests.conftest import Queue, Workspace
from shared.tests.otlp.messages import log, logs, span, traces

# The generated stubs carry no types.
Trace: Any = TraceServiceStub
Logs: Any = LogsServiceStub
Metrics: Any = MetricsServiceStub
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def channel_to(app: FastAPI, **options: Any) -> grpc.aio.Channel:
    limits = [("grpc.max_send_message_length", -1)]
    return grpc.aio.insecure_channel(f"127.0.0.1:{app.state.grpc_port}", options=limits, **options)


@pytest.fixture
async def channel(app: FastAPI) -> AsyncIterator[grpc.aio.Channel]:
    async with channel_to(app) as channel:
        yield channel


def raw_call(channel: grpc.aio.Channel, method: str = EXPORT) -> Any:
    """Return a call that sends bytes as they are."""
    return channel.unary_unary(method)


def details_of(error: grpc.aio.AioRpcError) -> bytes:
    metadata: Any = error.trailing_metadata()
    details: bytes = dict(metadata)["grpc-status-details-bin"]
    return details


async def failure_of(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
async def test_traces_are_queued(channel: grpc.aio.Channel, queue: Queue, key: str, name: str) -> None:
    request = traces(span(), span(trace_id=b""))
    value = f"Bearer {key}" if name == "authorization" else key
    call = Trace(channel).Export(request, metadata=((name, value),))
    answer = await call
    assert answer.partial_success.rejected_spans == 1
    accepted = await queue.one()
    assert accepted.body == request.SerializeToString()
    assert dict(await call.initial_metadata())["x-receipt-id"] == accepted.request.receipt_id


async def test_logs_are_queued_and_metrics_dropped(channel: grpc.aio.Channel, queue: Queue, key: str) -> None:
    metadata = (("x-api-key", key),)
    answer = await Logs(channel).Export(logs(log()), metadata=metadata)
    assert not answer.HasField("partial_success")
    await Metrics(channel).Export(ExportMetricsServiceRequest(), metadata=metadata)
    assert (await queue.one()).request.format == "otlp_logs"


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_compressed_calls(app: FastAPI, queue: Queue, key: str, compression: grpc.Compression) -> None:
    async with channel_to(app, compression=compression) as channel:
        request = traces(span(name="x" * 100_000))
        await Trace(channel).Export(request, metadata=(("x-api-key", key),))
        assert (await queue.one()).body == request.SerializeToString()


@pytest.mark.parametrize(
    "metadata", [(), (("authorization", "Bearer wrong"),), (("x-workspace-id", "1"), ("x-internal", "1"))]
)
async def test_S08_calls_without_a_valid_key_are_unauthenticated(channel: grpc.aio.Channel, metadata: Any) -> None:
    error = await failure_of(Trace(channel).Export(traces(span()), metadata=metadata))
    assert error.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_S17_a_key_without_the_scope_is_refused(channel: grpc.aio.Channel, workspace: Workspace) -> None:
    metadata = (("x-api-key", await workspace.add_key("read")),)
    error = await failure_of(Trace(channel).Export(traces(span()), metadata=metadata))
    assert error.code() == grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize("body", [b"\x0a\xff", b"\x0b", b"garbage"])
async def test_F45_what_is_no_request_is_an_invalid_argument(channel: grpc.aio.Channel, key: str, body: bytes) -> None:
    error = await failure_of(raw_call(channel)(body, metadata=(("x-api-key", key),)))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_unknown_methods_are_unimplemented(channel: grpc.aio.Channel) -> None:
    error = await failure_of(raw_call(channel, "/opentelemetry.Profiles/Export")(b""))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_F27_messages_over_the_limit_are_refused(channel: grpc.aio.Channel, key: str, queue: Queue) -> None:
    call = raw_call(channel)(bytes(MAX_BODY_BYTES + 1), metadata=(("x-api-key", key),))
    assert (await failure_of(call)).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await queue.requests() == []


async def test_F28_a_compressed_message_over_the_limit_is_refused(app: FastAPI, key: str, queue: Queue) -> None:
    async with channel_to(app, compression=grpc.Compression.Gzip) as channel:
        call = raw_call(channel)(bytes(100 * 2**20), metadata=(("x-api-key", key),))
        assert (await failure_of(call)).code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await queue.requests() == []


async def test_F17_a_full_queue_is_unavailable_with_a_delay(start_app: Any, key: str) -> None:
    app = await start_app(max_backlog_entries=1)
    async with channel_to(app) as channel:
        export, metadata = Trace(channel).Export, (("x-api-key", key),)
        await export(traces(span()), metadata=metadata)
        error = await failure_of(export(traces(span()), metadata=metadata))
        assert error.code() == grpc.StatusCode.UNAVAILABLE
        assert b"google.rpc.RetryInfo" in details_of(error)


async def test_a_used_up_quota_is_resource_exhausted_with_a_delay(start_app: Any, key: str) -> None:
    app = await start_app(ingest_spans_per_minute=1)
    async with channel_to(app) as channel:
        export, metadata = Trace(channel).Export, (("x-api-key", key),)
        await export(traces(span()), metadata=metadata)
        error = await failure_of(export(traces(span()), metadata=metadata))
        assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert b"google.rpc.RetryInfo" in details_of(error)


async def test_a_taken_port_keeps_the_service_from_starting(start_app: Any, app: FastAPI) -> None:
    with pytest.raises(RuntimeError):
        await start_app(otlp_grpc_port=app.state.grpc_port)
