"""A worker in a process of its own, with handlers that tests steer: ``python -m shared.tests.jobs.child SETTINGS``."""

import asyncio
import os
import sys
from typing import Any

import orjson

from shared.database import Pool
from shared.errors import UnavailableError
from shared.jobs.config import WorkerSettings
from shared.jobs.context import JobContext
from shared.jobs.housekeeping import COMMON
from shared.jobs.parts import Parts
from shared.jobs.periodic import Periodic, Slot
from shared.jobs.worker import JobWorker
from shared.logging import configure_logging

_STEP = "insert into steps (job_id, step, attempt, pid) values ($1, $2, $3, $4)"


async def note(pool: Pool, job: object, step: str, attempt: int) -> None:
    """Write down, for the test, that a step was done."""
    await pool.execute(_STEP, str(job), step, attempt, os.getpid())


async def count_to(context: JobContext) -> dict[str, Any]:
    """Do numbered steps, each noted before the checkpoint that says so; ``reason`` holds number and pause."""
    steps, pause = (float(part) for part in context.params["filter"]["reason"].split())
    done = int(context.checkpoint.get("done", 0))
    while done < steps:
        await note(context.metadata, context.job_id, f"step {done}", context.attempt)
        done += 1
        await context.save({"done": done})
        await context.progress(done / steps, f"{done} of {steps:g}")
        await asyncio.sleep(pause)
    await context.log(f"did {done} steps with token=ao_live_secretsecret")
    return {"done": done}


async def fail_once(context: JobContext) -> dict[str, Any]:
    """Fail as the parameters say: for want of a dependency at the first attempts, or for good."""
    await note(context.metadata, context.job_id, "try", context.attempt)
    if "from" in context.params:
        raise ZeroDivisionError("secret of another workspace")
    if context.attempt < 2:
        raise UnavailableError("the mainspring is away")
    return {"attempt": context.attempt}


async def stubborn(context: JobContext) -> dict[str, Any]:
    """Take no notice of being cancelled for a while."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await asyncio.sleep(30)
    return {}


async def every_slot(slot: Slot) -> None:
    """Note the slot, slowly, in a transaction that the slot must still hold at its end."""
    await asyncio.sleep(float(os.environ.get("SLOT_PAUSE", "0")))
    async with slot.metadata.acquire() as connection, connection.transaction():
        await slot.hold(connection)
        await connection.execute(_STEP, slot.name, slot.start.isoformat(), slot.fence, os.getpid())


HANDLERS = {"replay": count_to, "reindex": fail_once, "cleanup": stubborn}


def main() -> None:
    """Run until told to stop."""
    options = orjson.loads(sys.argv[1])
    settings = WorkerSettings(**options["settings"])
    configure_logging(settings, "child")
    periodic = tuple(Periodic(name, seconds, every_slot, 2.0) for name, seconds in options["periodic"].items())
    parts = Parts("processing", HANDLERS, (*COMMON, *periodic), ())
    worker = JobWorker(
        parts, settings, host="127.0.0.1", port=0, slots=2, visibility_seconds=options["visibility_seconds"]
    )
    raise SystemExit(worker.work())


if __name__ == "__main__":
    main()
