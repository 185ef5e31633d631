"""Removes at once what has expired, which otherwise happens within the hour."""

from typing import Any
from uuid import UUID

from processing.app.queries.upkeep import maintain
from shared.jobs.context import JobContext
from shared.jobs.housekeeping import delete_old


async def run(context: JobContext) -> dict[str, Any]:
    """Remove expired data and old jobs; return what was done."""
    await context.progress(0.0, "expired data")
    maintained = await maintain(context.traces, context.metadata, context.settings.retention_days)
    if not maintained:
        await context.log("expired data are being removed already")
    await context.progress(0.5, "old jobs")
    removed = await delete_old(context.metadata, UUID(context.workspace_id))
    await context.log(f"removed {removed} old jobs")
    return {"maintained": maintained, "jobs_removed": removed}
