"""Keeps the full-text index behind what is stored: not before ingestion has room for it, and not for long."""

import asyncio
import os
import socket
import time
import uuid
from contextlib import AsyncExitStack, suppress

from processing.app.consumer.indexing import ChangedTraces, Entry, age_of
from processing.app.metrics import INDEX_LAG
from processing.app.queries.search import prepare_connection
from processing.app.search.documents import index_traces
from shared.database import Pool, create_pool
from shared.logging import get_logger
from shared.redis import COMMAND_SECONDS, connect
from shared.settings import ServiceSettings
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

SERVICE = "processing"
_BLOCK_SECONDS = 2.0
_MESSAGES = 20
_TRACES_AT_ONCE = 200
# While requests wait to be stored the index waits too, but not for longer than this.
_LONGEST_WAIT = 120.0
_LOOK_SECONDS = 0.5
_STATEMENT_SECONDS = 60.0

logger = get_logger(__name__)


async def run(settings: ServiceSettings, stopping: asyncio.Event) -> None:
    """Index until told to stop.

    Raises:
        Exception: A server cannot be reached; whoever runs this starts it again, and nothing is lost.
    """
    async with AsyncExitStack() as stack:
        pool = await create_pool(
            settings.timescale_url,
            service=f"{SERVICE}-search",
            size=1,
            statement_seconds=_STATEMENT_SECONDS,
            server_settings={"plan_cache_mode": "force_custom_plan", "jit": "off"},
        )
        stack.push_async_callback(pool.close)
        client = connect(settings.redis_url, command_seconds=COMMAND_SECONDS + _BLOCK_SECONDS)
        stack.push_async_callback(client.aclose)
        queue = PendingQueue(client, pending_streams(settings.stream_shards))
        changed = ChangedTraces(client, f"{socket.gethostname()}-{os.environ.get('SERVICE_NAME', 'search')}")
        await changed.join()
        while not stopping.is_set():
            entries = await changed.take(_MESSAGES, _BLOCK_SECONDS)
            if not entries:
                INDEX_LAG.set(0)
                continue
            INDEX_LAG.set(age_of(entries))
            await _stand_back(queue, stopping, entries)
            if not stopping.is_set():
                await _index(pool, entries)
                await changed.settle(entries)


async def _stand_back(queue: PendingQueue, stopping: asyncio.Event, entries: list[Entry]) -> None:
    """Wait while ingestion has more than the worker stores at the moment."""
    until = time.monotonic() + max(0.0, _LONGEST_WAIT - age_of(entries))
    while time.monotonic() < until and (await queue.backlog()).entries and not stopping.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await stopping.wait()


async def _index(pool: Pool, entries: list[Entry]) -> None:
    by_workspace: dict[int, dict[uuid.UUID, None]] = {}
    for _, message in entries:
        keys = [uuid.UUID(hex=trace_id) for trace_id in message.trace_ids]
        by_workspace.setdefault(message.workspace_id, {}).update(dict.fromkeys(keys))
    async with pool.acquire() as connection:
        await prepare_connection(connection)
        for workspace, listed in by_workspace.items():
            traces = list(listed)
            for start in range(0, len(traces), _TRACES_AT_ONCE):
                await index_traces(workspace, connection, traces[start : start + _TRACES_AT_ONCE])
