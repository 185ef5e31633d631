"""Long-running tasks of a process: started again when they fail, asked to end when the process stops."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from shared.logging import get_logger
from shared.telemetry import FAILURES

_BACKOFF_BASE, _BACKOFF_CAP = 0.5, 30.0
_STEADY_SECONDS = 60.0

logger = get_logger(__name__)


class Supervised:
    """A task that ought to run as long as the process does.

    Args:
        service: Labels metrics.
        name: Names the task in logs.
        work: Runs until ``stopping`` is set; anything it raises makes it start anew after a pause.
        stopping: Set when the process stops.
    """

    def __init__(self, service: str, name: str, work: Callable[[], Awaitable[None]], stopping: asyncio.Event) -> None:
        self._service = service
        self._name = name
        self._work = work
        self._stopping = stopping
        self._is_up = False
        self._task = asyncio.create_task(self._run(), name=name)

    async def check(self) -> None:
        """Do nothing while the task runs.

        Raises:
            RuntimeError: The task ended, or waits to be started anew.
        """
        if not self._is_up or self._task.done():
            raise RuntimeError(f"{self._name} does not run")

    async def stop(self, seconds: float) -> None:
        """Ask the task to end, and end it when it takes longer than this."""
        self._stopping.set()
        _, late = await asyncio.wait([self._task], timeout=seconds)
        if late:
            logger.warning("task_interrupted", task=self._name)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=5)

    async def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            started = asyncio.get_running_loop().time()
            self._is_up = True
            try:
                await self._work()
                if self._stopping.is_set():
                    return
                logger.error("task_ended", task=self._name)
            except Exception:
                logger.exception("task_failed", task=self._name)
            self._is_up = False
            FAILURES.labels(self._service, self._name, "restart").inc()
            if asyncio.get_running_loop().time() - started > _STEADY_SECONDS:
                failures = 0
            delay = random.uniform(0.5, 1) * min(_BACKOFF_CAP, _BACKOFF_BASE * 2**failures)
            failures += 1
            try:
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
            except TimeoutError:
                continue
