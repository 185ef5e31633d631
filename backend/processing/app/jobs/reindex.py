"""Makes documents for traces of a range that have none, or an old one."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from processing.app.queries.search import find_missing, prepare_connection
from processing.app.search.documents import index_traces
from shared.jobs.context import JobContext
from shared.jobs.types import ReindexParams

_BATCH = 200


async def run(context: JobContext) -> dict[str, Any]:
    """Index what is missing, oldest first; the checkpoint is the last trace of the last batch."""
    params = ReindexParams.model_validate(context.params)
    now = datetime.now(UTC)
    start = params.from_ or now - timedelta(days=context.settings.retention_days + 1)
    state = dict(context.checkpoint) or {
        "after": [start.isoformat(), str(uuid.UUID(int=0))],
        "until": (params.to or now + timedelta(hours=1)).isoformat(),
        "indexed": 0,
    }
    until = datetime.fromisoformat(state["until"])
    while True:
        await context.check()
        place = (datetime.fromisoformat(state["after"][0]), uuid.UUID(state["after"][1]))
        async with context.traces.acquire() as connection:
            await prepare_connection(connection)
            missing = await find_missing(context.workspace, connection, start, until, place, _BATCH)
            if not missing:
                break
            indexed = await index_traces(context.workspace, connection, [key for _, key in missing])
        last_time, last_key = missing[-1]
        state |= {"after": [last_time.isoformat(), str(last_key)], "indexed": state["indexed"] + indexed}
        await context.save(state)
        await context.progress((last_time - start) / (until - start), f"{state['indexed']} traces")
    await context.log(f"indexed {state['indexed']} traces")
    return {"indexed": state["indexed"]}
