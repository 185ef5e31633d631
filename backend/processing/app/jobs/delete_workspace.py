"""Removes everything of a workspace that was deleted."""

import asyncio
import time
from typing import Any
from uuid import UUID

from processing.app.queries.deletion import (
    delete_metadata_of,
    delete_traces_of,
    tables_of_workspaces,
)
from shared.changes import forget_results
from shared.exports import open_storage
from shared.jobs.context import JobContext
from shared.redis import connect
from shared.rollups.queries import delete_workspace as delete_rollups
from shared.streams.contracts import events_stream, pending_streams
from shared.streams.queue import PendingQueue

# What was accepted before the deletion is stored within this time, and is then removed as well.
_LONGEST_DRAIN = 600.0
_LOOK_SECONDS = 1.0


async def run(context: JobContext) -> dict[str, Any]:
    """Remove rows, cached answers, events and files; begun anew it finds what is left."""
    await _drain(context)
    removed: dict[str, int] = {}
    async with context.traces.acquire() as connection:
        tables = await tables_of_workspaces(connection)
        for number, table in enumerate(tables):
            await context.progress(number / (len(tables) + 2), table)
            removed[table] = await delete_traces_of(context.workspace, connection, table)
        await delete_rollups(connection, context.workspace)
    await context.log(f"removed {sum(removed.values())} rows of traces")
    await context.progress(0.9, "cached answers, events and files")
    await context.redis.delete(events_stream(context.workspace_id))
    cache = connect(context.settings.cache_url)
    try:
        await forget_results(cache, context.workspace)
    finally:
        await cache.aclose()
    await open_storage(context.settings).remove_of(context.workspace_id)
    async with context.metadata.acquire() as connection:
        removed["metadata"] = await delete_metadata_of(UUID(context.workspace_id), connection, context.job_id)
    await context.log("removed accounts, keys, views and settings of the workspace")
    return {"rows": sum(removed.values())}


async def _drain(context: JobContext) -> None:
    """Wait until what was accepted before is stored; nothing is accepted any more."""
    queue = PendingQueue(context.redis, pending_streams(context.settings.stream_shards))
    until = time.monotonic() + _LONGEST_DRAIN
    while (await queue.backlog()).entries and time.monotonic() < until:
        await context.check()
        await asyncio.sleep(_LOOK_SECONDS)
