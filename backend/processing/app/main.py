"""The processing service: stores what ingestion accepted, and answers what became of it."""

import asyncio
import gc
from contextlib import AsyncExitStack

from fastapi import FastAPI

from processing.app.config import Settings
from processing.app.consumer import Pipeline
from processing.app.folding import Folding
from processing.app.publisher import Relay
from processing.app.queries.outbox import Outbox
from processing.app.routes import router, traces_router
from processing.app.supervision import Supervised
from processing.app.upkeep import Upkeep
from shared.auth.internal import InternalTokenVerifier
from shared.database import Pool, create_pool, ping
from shared.http.application import create_service_app
from shared.http.guard import InternalAuthenticator
from shared.redis import COMMAND_SECONDS, connect
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

SERVICE = "processing"

_WRITER_CONNECTIONS = 5
_WRITER_STATEMENT_SECONDS = 30.0
_SERVER_SETTINGS = {
    # A plan kept from when a day's partition was empty would scan it for the rest of the day.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "synchronous_commit": "on",
    # A worker that hangs inside a transaction must not keep the others from its traces.
    "idle_in_transaction_session_timeout": "20s",
}
_CLOSE_SECONDS = 3.0
_CACHE_SECONDS = 1.0


def create_app(settings: Settings) -> FastAPI:
    """Return the application of the service; its tasks live as long as the application runs."""

    async def start(app: FastAPI, stack: AsyncExitStack) -> None:
        writer = await create_pool(
            settings.timescale_url,
            service=SERVICE,
            size=_WRITER_CONNECTIONS,
            statement_seconds=_WRITER_STATEMENT_SECONDS,
            server_settings=_SERVER_SETTINGS,
        )
        stack.push_async_callback(_close, writer)
        reader = await create_pool(
            settings.timescale_url, service=SERVICE, size=settings.database_pool_size, server_settings=_SERVER_SETTINGS
        )
        stack.push_async_callback(_close, reader)
        metadata = await create_pool(settings.postgres_url, service=SERVICE, size=2)
        stack.push_async_callback(_close, metadata)
        client = connect(settings.redis_url)
        stack.push_async_callback(client.aclose)
        # A blocking read must be allowed to take its time beside that of any command.
        worker_client = connect(settings.redis_url, command_seconds=COMMAND_SECONDS + settings.processing_block_seconds)
        stack.push_async_callback(worker_client.aclose)

        streams = pending_streams(settings.stream_shards)
        app.state.queue = PendingQueue(client, streams)
        app.state.reader = reader
        app.state.writer = writer
        app.state.metadata = metadata
        app.state.authenticator = InternalAuthenticator(
            InternalTokenVerifier(settings.internal_token_secret.get_secret_value(), SERVICE)
        )
        app.state.checks = {
            "redis": client.ping,
            "traces_database": lambda: ping(reader),
            "metadata_database": lambda: ping(metadata),
        }
        _collect_by_hand(stack)
        stopping, relay_stopping = asyncio.Event(), asyncio.Event()
        cache = connect(settings.cache_url, command_seconds=_CACHE_SECONDS)
        stack.push_async_callback(cache.aclose)
        relay = Relay(client, cache, Outbox(writer), relay_stopping)
        app.state.relay = relay
        pipeline = Pipeline(writer, worker_client, PendingQueue(worker_client, streams), stopping, relay, settings)
        upkeep = Upkeep(writer, metadata, {"traces": reader, "metadata": metadata}, stopping, settings)
        folding = Folding(writer, stopping, settings.processing_fold_seconds)
        # Stopped in reverse, so that the relay still announces what the worker stored last.
        for name, work, event, seconds in (
            ("relay", relay.run, relay_stopping, _CLOSE_SECONDS),
            ("upkeep", upkeep.run, stopping, _CLOSE_SECONDS),
            ("folding", folding.run, stopping, _CLOSE_SECONDS),
            ("worker", pipeline.run, stopping, settings.processing_stop_seconds),
        ):
            task = Supervised(SERVICE, name, work, event)
            stack.push_async_callback(task.stop, seconds)
            app.state.checks[name] = task.check

    app = create_service_app(SERVICE, settings, start=start, title="Agent Observability Platform: processing")
    app.include_router(router)
    app.include_router(traces_router)
    return app


async def _close(pool: Pool) -> None:
    """Close a pool, whether or not its server still answers."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def _collect_by_hand(stack: AsyncExitStack) -> None:
    """Keep the garbage collector out of decoding, whose time it would double; the worker runs it between batches."""
    gc.collect()
    gc.freeze()
    gc.disable()
    stack.callback(gc.enable)
    stack.callback(gc.unfreeze)
