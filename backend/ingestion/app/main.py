"""The ingestion service."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from ingestion.app.admission import Admission
from ingestion.app.bodies import InflightBytes
from ingestion.app.config import Settings
from ingestion.app.dependencies import SenderAuthenticator, Services
from ingestion.app.description import describe
from ingestion.app.intake import Intake
from ingestion.app.metrics import INFLIGHT_BYTES
from ingestion.app.middleware import Shortcut
from ingestion.app.otlp_grpc import serve_grpc
from ingestion.app.publisher import Publisher
from ingestion.app.quota import SpanQuota
from ingestion.app.routes import ROUTES
from shared.auth.epoch import RevocationEpoch
from shared.auth.internal import InternalTokenVerifier
from shared.auth.keys import KeyVerifier
from shared.database import Pool, create_pool, observe_pool
from shared.errors import NotFoundError
from shared.http.address import ClientAddress
from shared.http.application import create_service_app
from shared.http.envelope import failure
from shared.http.idempotency import Idempotency
from shared.logging import get_logger
from shared.ratelimit import RateLimiter
from shared.redis import RedisBatcher, connect
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

SERVICE = "ingestion"
_LAST_USED_SECONDS = 60.0
# The poller must find out soon whether the queue answers.
_POLL_COMMAND_SECONDS = 2.0
# Every address bounds its own body, since OTLP wants errors in its own form.
_NO_COMMON_BODY_LIMIT = 2**62

_WHERE_TO = (
    "Nothing is served at this address. OTLP goes to /v1/traces, /v1/logs and /v1/metrics; "
    "other traces go to /api/v1/traces, /api/v1/traces/batch and /api/v1/spans/batch."
)

logger = get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Return the application."""

    async def start(app: FastAPI, stack: AsyncExitStack) -> None:
        await _start(app, settings, stack)

    app = create_service_app(
        SERVICE,
        settings,
        start=start,
        title="Ingestion",
        max_body_bytes=_NO_COMMON_BODY_LIMIT,
        middleware=[Middleware(Shortcut, routes=ROUTES)],
    )
    app.router.routes[:0] = ROUTES
    app.add_exception_handler(404, _answer_unknown_address)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Add the plain routes to the OpenAPI document."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = FastAPI.openapi(app)
            paths, schemas = describe([(route.path, route.name) for route in ROUTES])
            document["paths"].update(paths)
            document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return FastAPI.openapi(app)

    app.openapi = openapi  # type: ignore[method-assign]


async def _answer_unknown_address(request: Request, _: Exception) -> Response:
    return failure(request, NotFoundError(_WHERE_TO))


async def _start(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> None:
    pool = await create_pool(settings.postgres_url, service=SERVICE, size=min(4, settings.database_pool_size))
    stack.push_async_callback(pool.close)
    queue_client, cache_client = connect(settings.redis_url), connect(settings.cache_url)
    poll_client = connect(settings.redis_url, connections=2, command_seconds=_POLL_COMMAND_SECONDS)
    for client in (queue_client, poll_client, cache_client):
        stack.push_async_callback(client.aclose)
    batcher = RedisBatcher(cache_client)
    streams = pending_streams(settings.stream_shards)

    admission = Admission(
        PendingQueue(poll_client, streams),
        max_bytes=settings.max_backlog_bytes,
        max_entries=settings.max_backlog_entries,
        is_production=settings.is_production,
        service=SERVICE,
    )
    await admission.start()
    publisher = Publisher(PendingQueue(queue_client, streams), admission.wrote)
    stack.push_async_callback(publisher.close)
    limiter = RateLimiter(batcher)
    keys = KeyVerifier(pool, settings.api_key_salt.get_secret_value(), RevocationEpoch(batcher), SERVICE)
    authenticator = SenderAuthenticator(
        keys,
        InternalTokenVerifier(settings.internal_token_secret.get_secret_value(), SERVICE),
        limiter,
        ClientAddress(settings.trusted_proxies),
        settings,
    )
    inflight = InflightBytes(settings.max_inflight_bytes)
    INFLIGHT_BYTES.set_function(lambda: inflight.used)
    intake = Intake(admission, SpanQuota(limiter, settings.ingest_spans_per_minute), publisher, inflight)
    app.state.ingestion = Services(
        intake,
        authenticator,
        Idempotency(
            queue_client,
            settings.jwt_secret.get_secret_value(),
            request_seconds=settings.request_timeout_seconds,
        ),
    )
    app.state.authenticator = authenticator
    app.state.checks = {"queue": admission.ping}
    app.state.health_facts = {"queue": admission.health}
    for work in (admission.watch(), _write_last_used(keys, pool)):
        await stack.enter_async_context(_running(work))
    # Entered last, so that calls under way end before anything they need is closed.
    app.state.grpc_port = await stack.enter_async_context(
        serve_grpc(app.state.ingestion, settings.bind_host, settings.otlp_grpc_port)
    )


async def _write_last_used(keys: KeyVerifier, pool: Pool) -> None:
    try:
        while True:
            await asyncio.sleep(_LAST_USED_SECONDS)
            observe_pool(pool, SERVICE, "metadata")
            await keys.write_last_used()
    finally:
        await keys.write_last_used()


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something in the background for as long as the context lasts."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        # asyncio.wait_for of Python 3.11, which the Redis client uses, may swallow a cancellation.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1.0)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("background_task_failed", error=type(error).__name__, exc_info=error)
