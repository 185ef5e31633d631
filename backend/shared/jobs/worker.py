"""Starts the worker of a service: ``python -m shared.jobs.worker processing``."""

import asyncio
import gc
import logging
import secrets
import signal
import sys
import threading
import warnings
from contextlib import suppress
from typing import get_args
from uuid import UUID

from celery.beat import EmbeddedService, Scheduler
from celery.exceptions import CPendingDeprecationWarning
from celery.platforms import SecurityWarning
from celery.signals import worker_shutting_down

from shared.jobs.background import BackgroundThread
from shared.jobs.celery_app import VISIBILITY_SECONDS, create_celery
from shared.jobs.config import WorkerSettings
from shared.jobs.control import Control
from shared.jobs.health import HealthServer
from shared.jobs.parts import Parts, load_parts, load_settings
from shared.jobs.runner import run_job
from shared.jobs.types import JobService
from shared.logging import configure_logging, get_logger

_BACKGROUND_STOP_SECONDS = 8.0
_WAKE_SECONDS = 3.0

logger = get_logger(__name__)


class JobWorker:
    """One worker process: Celery's threads for jobs, a loop that looks after them, and what runs all the time.

    Args:
        parts: What it runs.
        settings: Settings of the service.
        host: Address of its health server.
        port: Port of its health server; 0 takes a free one.
        slots: How many jobs run at a time.
        visibility_seconds: Time after which the broker hands out again what was taken and not begun.
    """

    def __init__(
        self,
        parts: Parts,
        settings: WorkerSettings,
        *,
        host: str,
        port: int,
        slots: int,
        visibility_seconds: float = VISIBILITY_SECONDS,
    ) -> None:
        self._parts = parts
        self._settings = settings
        self._slots = slots
        self._busy = 0
        self._has_missed = False
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self.name = f"{parts.service}-{secrets.token_hex(4)}"
        self._control = Control(parts, settings, self.name, slots, lambda: self._busy)
        self._background = [BackgroundThread(work, settings, f"{parts.service}-worker") for work in parts.background]
        self._celery = create_celery(
            parts.service,
            settings.redis_url,
            run=self._run,
            tick=self._tick,
            visibility_seconds=visibility_seconds,
        )
        self._beat = EmbeddedService(self._celery, thread=True, scheduler_cls=Scheduler)
        self.health = HealthServer(host, port, {"metadata_database": lambda: self._control.is_ready})

    def work(self) -> int:
        """Work until a signal ends the process, and return its exit code."""
        # It warns about root for the sake of pickle, which is not accepted here.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        # Of a choice that the configuration has made.
        warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)
        for noisy in ("celery.beat", "celery.worker.strategy", "celery.app.trace"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        # Bound to this method, since Celery keeps weak references only.
        shutting_down = self._on_shutdown
        worker_shutting_down.connect(shutting_down)
        self._control.start()
        for thread in self._background:
            thread.start()
        self.health.start()
        # One thread more than jobs, so that ticks go on while all slots are busy.
        worker = self._celery.Worker(
            hostname=f"{self.name}@localhost",
            pool="threads",
            concurrency=self._slots + 1,
            queues=[self._parts.service],
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            quiet=True,
        )
        self._beat.start()
        logger.info("worker_starting", worker=self.name, port=self.health.port, types=sorted(self._parts.handlers))
        gc.collect()
        gc.freeze()
        try:
            worker.start()
        finally:
            self._stopping.set()
            self._stop()
        return int(worker.exitcode or 0)

    def _on_shutdown(self, **_: object) -> None:
        self._stopping.set()
        for thread in self._background:
            thread.ask_to_stop()

    def _stop(self) -> None:
        self._beat.service.stop()
        for thread in self._background:
            thread.ask_to_stop()
        for thread in self._background:
            thread.join(_BACKGROUND_STOP_SECONDS)
        # Only now, when this worker takes no more messages: other workers may go on with what it gave back.
        with suppress(Exception):
            self._control.call(self._control.wake_next, seconds=_WAKE_SECONDS)
        self._control.stop()
        self.health.stop()
        logger.info("worker_stopped", worker=self.name)

    def _run(self, workspace_id: UUID, job_id: UUID) -> None:
        with self._lock:
            if self._busy >= self._slots or self._stopping.is_set():
                # The job still waits in the database; whoever becomes free looks for it there.
                self._has_missed = True
                return
            self._busy += 1
        is_touched = False
        try:
            is_touched = asyncio.run(
                run_job(
                    workspace_id,
                    job_id,
                    service=self._parts.service,
                    worker=self.name,
                    handlers=self._parts.handlers,
                    settings=self._settings,
                    stopping=self._stopping,
                )
            )
        except Exception:
            logger.exception("job_run_failed", job_id=str(job_id))
        finally:
            with self._lock:
                self._busy -= 1
                is_touched, self._has_missed = is_touched or self._has_missed, False
        if is_touched and not self._stopping.is_set():
            self._control.call(self._control.wake_next)

    def _tick(self) -> None:
        if not self._stopping.is_set():
            self._control.call(self._control.tick)


def main() -> None:
    """Run the worker of the service named on the command line."""
    services = get_args(JobService)
    if len(sys.argv) != 2 or sys.argv[1] not in services:
        raise SystemExit(f"usage: python -m shared.jobs.worker {{{','.join(services)}}}")
    service: JobService = sys.argv[1]  # type: ignore[assignment]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    settings = load_settings(service)
    configure_logging(settings, f"{service}-worker")
    worker = JobWorker(
        load_parts(service),
        settings,
        host=settings.bind_host,
        port=getattr(settings, f"{service}_worker_port"),
        slots=settings.job_slots,
    )
    raise SystemExit(worker.work())


if __name__ == "__main__":
    main()
