"""What a worker runs all the time, each in a thread of its own that stands back for everything else."""

import asyncio
import os
import random
import sys
import threading
import time

from structlog.contextvars import bind_contextvars

from shared.jobs.config import WorkerSettings
from shared.jobs.parts import Background
from shared.logging import get_logger
from shared.telemetry import FAILURES

_LOWEST_PRIORITY = 19
_BACKOFF_BASE, _BACKOFF_CAP = 1.0, 60.0
_STEADY_SECONDS = 60.0

logger = get_logger(__name__)


class BackgroundThread:
    """Runs one piece of background work, and starts it again when it raises.

    Args:
        work: Runs until its event is set.
        settings: Given to it.
        service: Name under which it logs.
    """

    def __init__(self, work: Background, settings: WorkerSettings, service: str) -> None:
        self._work = work
        self._service = service
        self._settings = settings
        self._name = f"{work.__module__}.{getattr(work, '__qualname__', 'work')}"
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Set the event of the work."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    def join(self, seconds: float) -> None:
        """Wait for the end; work that takes longer dies with the process."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            logger.warning("background_interrupted", task=self._name)

    def _run(self) -> None:
        if sys.platform == "linux":
            # There, a priority belongs to a thread.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._supervise())

    async def _supervise(self) -> None:
        bind_contextvars(service=self._service)
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                await self._work(self._settings, self._stopping)
                if self._stopping.is_set():
                    return
                logger.error("background_ended", task=self._name)
            except Exception:
                logger.exception("background_failed", task=self._name)
            FAILURES.labels("jobs", self._name, "restart").inc()
            failures = 1 if time.monotonic() - started > _STEADY_SECONDS else failures + 1
            pause = random.uniform(0.5, 1) * min(_BACKOFF_CAP, _BACKOFF_BASE * 2**failures)
            try:
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            except TimeoutError:
                continue
