"""The event loop that a worker has beside its jobs: it shows that the worker is there and looks after all jobs."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars

from shared.database import Pool, create_pool, is_dependency_error
from shared.jobs import upkeep
from shared.jobs.config import WorkerSettings
from shared.jobs.parts import Parts
from shared.jobs.periodic import run_due
from shared.jobs.wake import is_quiet, wake
from shared.logging import get_logger
from shared.redis import connect
from shared.telemetry import FAILURES

_PRESENCE_SECONDS = 5.0
# Without a sign for this long, the worker counts as not ready.
_READY_SECONDS = 20.0
# A wake-up counts as lost after this time when no other waits, and after the longer one when some do.
_FORGOTTEN_SECONDS, _FORGOTTEN_BUSY_SECONDS = 8.0, 300.0
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_NEXT_JOBS = 10

logger = get_logger(__name__)


class Control:
    """Owns a thread with an event loop, a small pool and a Redis client.

    Args:
        parts: What the worker runs.
        settings: Settings of the service.
        worker: Name of the worker.
        slots: How many jobs it runs at a time.
        busy: Tells how many run.
    """

    def __init__(
        self, parts: Parts, settings: WorkerSettings, worker: str, slots: int, busy: Callable[[], int]
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._worker = worker
        self._slots = slots
        self._busy = busy
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._started = threading.Event()
        self._stopped = asyncio.Event()
        self._seen = 0.0
        self._metadata: Pool
        self._redis: Redis

    def start(self) -> None:
        """Start the thread and return when its loop runs."""
        self._thread.start()
        if not self._started.wait(_START_SECONDS):
            raise RuntimeError("the control loop did not start")

    def stop(self) -> None:
        """End the thread, and take the worker off the list."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(_STOP_SECONDS)

    def call(self, work: Callable[[], Awaitable[Any]], seconds: float | None = None) -> Any:
        """Run something on the loop and wait for it, for a limited time when ``seconds`` says so.

        Raises:
            TimeoutError: It took longer.
        """

        async def run() -> Any:
            bind_contextvars(service=f"{self._parts.service}-worker")
            return await work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(seconds)

    @property
    def is_ready(self) -> bool:
        """Whether the database has heard of this worker lately."""
        return time.monotonic() - self._seen < _READY_SECONDS

    async def tick(self) -> None:
        """Wake workers for jobs that nobody looks after, and do what recurs and is due."""
        try:
            await self._wake_forgotten()
        except Exception as error:
            _tell("forgotten_jobs", error)
        for periodic in self._parts.periodic:
            try:
                await run_due(periodic, self._worker, self._settings, self._metadata, self._redis)
            except Exception as error:
                _tell(periodic.name, error)

    async def wake_next(self) -> None:
        """Wake workers for jobs that may begin now that another has ended."""
        try:
            jobs = await upkeep.take_next(self._metadata, self._parts.service, _NEXT_JOBS)
            await wake(self._redis, self._parts.service, jobs)
        except Exception as error:
            _tell("next_jobs", error)

    async def _wake_forgotten(self) -> None:
        service = self._parts.service
        quiet = await is_quiet(self._redis, service)
        jobs = await upkeep.take_forgotten(
            self._metadata, service, forgotten_seconds=_FORGOTTEN_SECONDS if quiet else _FORGOTTEN_BUSY_SECONDS
        )
        if jobs:
            logger.info("jobs_woken_again", count=len(jobs))
            await wake(self._redis, service, jobs)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        bind_contextvars(service=f"{self._parts.service}-worker")
        settings = self._settings
        self._metadata = await create_pool(settings.postgres_url, service=f"{self._parts.service}-worker", size=3)
        self._redis = connect(settings.redis_url, connections=4)
        self._started.set()
        while not self._stopped.is_set():
            await self._show()
            with suppress(TimeoutError):
                async with asyncio.timeout(_PRESENCE_SECONDS):
                    await self._stopped.wait()
        with suppress(Exception):
            async with asyncio.timeout(_STOP_SECONDS / 2):
                await upkeep.remove_worker(self._metadata, self._worker)
                await self._redis.aclose()
                await self._metadata.close()

    async def _show(self) -> None:
        try:
            async with asyncio.timeout(_PRESENCE_SECONDS):
                await upkeep.show_worker(self._metadata, self._worker, self._parts.service, self._slots, self._busy())
            self._seen = time.monotonic()
        except Exception as error:
            _tell("presence", error)


def _tell(operation: str, error: Exception) -> None:
    FAILURES.labels("jobs", operation, type(error).__name__).inc()
    if isinstance(error, RedisError) or is_dependency_error(error):
        logger.warning("jobs_wait", operation=operation, error=type(error).__name__)
    else:
        logger.error("jobs_upkeep_failed", operation=operation, exc_info=error)
