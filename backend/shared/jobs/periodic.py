"""What recurs: every worker tries, one does each slot of time, and one that hung cannot write when it is back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis

from shared.database import Connection, Pool, is_dependency_error
from shared.jobs.config import WorkerSettings
from shared.logging import get_logger
from shared.telemetry import FAILURES

LEASE_SECONDS = 30.0
_RETRY_SECONDS = 60.0

logger = get_logger(__name__)


class SlotLostError(Exception):
    """The lease ran out and another worker has taken the slot."""


# Slots count from a fixed day by the clock of the database, so that all workers agree on them.
_TAKE = """
insert into periodic_slots as p (name, slot, worker, lease_until)
values ($1, date_bin(make_interval(secs => $2), now(), '2001-01-01 00:00+00'), $3, now() + make_interval(secs => $4))
on conflict (name) do update set slot = excluded.slot, fence = p.fence + 1, worker = excluded.worker,
  lease_until = excluded.lease_until, finished_at = null, error = null
where excluded.slot >= p.slot and (p.finished_at is not null or p.lease_until < now())
  and not (excluded.slot = p.slot and p.finished_at is not null)
returning slot, fence
"""
_RENEW = """
update periodic_slots set lease_until = now() + make_interval(secs => $3)
where name = $1 and fence = $2 and finished_at is null returning 1
"""
_HOLD = "select 1 from periodic_slots where name = $1 and fence = $2 and finished_at is null for update"
_FINISH = "update periodic_slots set finished_at = now() where name = $1 and fence = $2 and finished_at is null"
_FAIL = """
update periodic_slots set lease_until = now() + make_interval(secs => $3), error = $4
where name = $1 and fence = $2 and finished_at is null
"""


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to do what recurs in one slot of time.

    Attributes:
        name: What recurs.
        start: Begin of the slot.
        fence: Token; whoever takes the slot anew gets a higher one.
        settings: Settings of the service whose worker does it.
        metadata: The metadata database.
        redis: Client of the queue server.
    """

    name: str
    start: datetime
    fence: int
    settings: WorkerSettings
    metadata: Pool
    redis: Redis

    async def hold(self, connection: Connection) -> None:
        """Make sure, until the transaction ends, that the slot is still held; what is written in it counts once.

        Args:
            connection: Connection to the metadata database inside a transaction.

        Raises:
            SlotLostError: Another worker has the slot.
        """
        if await connection.fetchval(_HOLD, self.name, self.fence) is None:
            raise SlotLostError


@dataclass(frozen=True, slots=True)
class Periodic:
    """Something that recurs.

    ``work`` must be safe to repeat: a slot whose worker failed or was lost is tried again. It is cancelled once the
    lease cannot be renewed.
    """

    name: str
    seconds: float
    work: Callable[[Slot], Awaitable[None]]
    lease_seconds: float = LEASE_SECONDS


async def take_slot(pool: Pool, periodic: Periodic, worker: str) -> tuple[datetime, int] | None:
    """Return begin and fence of the present slot; None when it is done or another worker is at it."""
    row = await pool.fetchrow(_TAKE, periodic.name, periodic.seconds, worker, periodic.lease_seconds)
    return None if row is None else (row["slot"], row["fence"])


async def run_due(periodic: Periodic, worker: str, settings: WorkerSettings, metadata: Pool, redis: Redis) -> bool:
    """Do what recurs if its present slot is still to be done, and return whether that was so.

    Raises:
        Exception: What kept it from being done; it is due again in a minute.
    """
    taken = await take_slot(metadata, periodic, worker)
    if taken is None:
        return False
    start, fence = taken
    slot = Slot(periodic.name, start, fence, settings, metadata, redis)
    work = asyncio.ensure_future(periodic.work(slot))
    renewal = asyncio.create_task(_renew(metadata, periodic, fence))
    try:
        await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.wait({work})
        await work
        await metadata.execute(_FINISH, periodic.name, fence)
    except (SlotLostError, asyncio.CancelledError):
        if renewal.done():
            logger.warning("periodic_slot_lost", task=periodic.name)
            return False
        raise
    except Exception as error:
        FAILURES.labels("jobs", periodic.name, type(error).__name__).inc()
        with suppress(Exception):
            await metadata.execute(_FAIL, periodic.name, fence, _RETRY_SECONDS, type(error).__name__)
        raise
    finally:
        renewal.cancel()
        work.cancel()
    logger.info("periodic_done", task=periodic.name, slot=start.isoformat())
    return True


async def _renew(pool: Pool, periodic: Periodic, fence: int) -> None:
    """Return when the lease is lost, or could not be renewed in time."""
    failures = 0
    while failures < 2:
        await asyncio.sleep(periodic.lease_seconds / 4)
        try:
            if await pool.fetchval(_RENEW, periodic.name, fence, periodic.lease_seconds) is None:
                return
            failures = 0
        except Exception as error:
            if not is_dependency_error(error):
                raise
            failures += 1
