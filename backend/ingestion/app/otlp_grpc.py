"""OTLP over gRPC: the services for traces, logs and metrics, on a port of their own."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, NoReturn

import grpc

from ingestion.app.answers import otlp_answer
from ingestion.app.bodies import MAX_BODY_BYTES
from ingestion.app.dependencies import Services
from ingestion.app.intake import Sender
from ingestion.app.metrics import REFUSED
from shared.auth.permissions import Permission
from shared.errors import ApiError
from shared.http.middleware import translate
from shared.logging import get_logger
from shared.otlp.wire import write_field, write_varint

Signal = Literal["traces", "logs", "metrics"]

_METHODS: dict[str, Signal] = {
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export": "traces",
    "/opentelemetry.proto.collector.logs.v1.LogsService/Export": "logs",
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export": "metrics",
}
# Each may hold 20 MiB before anything of ours sees it.
_CONCURRENT_CALLS = 64
_STOP_SECONDS = 10.0
_RETRY_INFO_TYPE = b"type.googleapis.com/google.rpc.RetryInfo"

_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    503: grpc.StatusCode.UNAVAILABLE,
}

logger = get_logger(__name__)


@asynccontextmanager
async def serve_grpc(services: Services, host: str, port: int) -> AsyncIterator[int]:
    """Serve while the context lasts, and yield the port; calls under way are finished at the end.

    Raises:
        RuntimeError: The port is taken.
    """
    server = grpc.aio.server(
        maximum_concurrent_rpcs=_CONCURRENT_CALLS,
        options=[
            ("grpc.max_receive_message_length", MAX_BODY_BYTES),
            # Two servers on one port would each get a part of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )
    server.add_generic_rpc_handlers([_Handlers(services)])
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    bound = server.add_insecure_port(address)
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(_STOP_SECONDS)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, services: Services) -> None:
        self._handlers = {
            method: grpc.unary_unary_rpc_method_handler(_export(services, signal))  # type: ignore[no-untyped-call]
            for method, signal in _METHODS.items()
        }

    def service(self, handler_call_details: Any) -> Any:
        return self._handlers.get(handler_call_details.method)


def _export(services: Services, signal: Signal) -> Callable[[bytes, Any], Awaitable[bytes]]:
    async def export(body: bytes, call: Any) -> bytes:
        try:
            return await _take(services, signal, body, call)
        except Exception as error:
            answer = translate(error)
            if answer is None:
                logger.exception("grpc_call_failed", signal=signal)
                answer = ApiError("An internal error occurred.")
            REFUSED.labels(answer.code).inc()
            await _abort(call, answer)

    return export


async def _take(services: Services, signal: Signal, body: bytes, call: Any) -> bytes:
    metadata = {name: value for name, value in call.invocation_metadata() or () if isinstance(value, str)}
    context = await services.authenticator.verify_metadata(metadata, _address(call.peer()))
    context.check(Permission.INGEST)
    intake = services.intake
    intake.admit()
    if signal == "metrics":
        return otlp_answer(signal, None, json=False)
    with intake.inflight.hold() as hold:
        hold.add(len(body))
        sender = Sender(context, uuid.uuid4().hex, "grpc")
        receipt, result = await intake.take_otlp(sender, signal, body, json=False)
    await call.send_initial_metadata((("x-receipt-id", receipt.receipt_id),))
    return otlp_answer(signal, result, json=False)


async def _abort(call: Any, error: ApiError) -> NoReturn:
    code = _CODES.get(error.status, grpc.StatusCode.INTERNAL)
    retry_after = error.headers.get("Retry-After")
    details = []
    if retry_after is not None:
        details.append(("grpc-status-details-bin", _status_with_retry(code.value[0], error.message, int(retry_after))))
    await call.abort(code, error.message, tuple(details))
    raise AssertionError("abort raises")


def _status_with_retry(code: int, message: str, seconds: int) -> bytes:
    """Return a google.rpc.Status that holds a RetryInfo, without which clients do not retry RESOURCE_EXHAUSTED."""
    duration = b"\x08" + write_varint(seconds)
    any_retry_info = write_field(b"\x0a", _RETRY_INFO_TYPE) + write_field(b"\x12", write_field(b"\x0a", duration))
    return b"\x08" + write_varint(code) + write_field(b"\x12", message.encode()) + write_field(b"\x1a", any_retry_info)


def _address(peer: str) -> str:
    """Return the address in a peer such as ``ipv4:127.0.0.1:5000`` or ``ipv6:%5B::1%5D:5000``."""
    return peer.partition(":")[2].rpartition(":")[0] or peer
