"""One run of a job, from the claim to its end."""

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, Literal
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from structlog.contextvars import bind_contextvars

from shared.database import Pool, create_pool, is_dependency_error
from shared.errors import ApiError, UnavailableError
from shared.jobs import claims
from shared.jobs.claims import Claim, Ended
from shared.jobs.config import WorkerSettings
from shared.jobs.context import Handler, JobCancelledError, JobContext, JobSupersededError, LogLevel
from shared.jobs.events import announce
from shared.jobs.store import STALE_SECONDS
from shared.jobs.types import JobService, JobStatus
from shared.logging import get_logger, redact_text
from shared.redis import connect
from shared.telemetry import FAILURES

BEAT_SECONDS = 2.0
_BEAT_TIMEOUT_SECONDS = 5.0
# How often a run looks whether its process stops.
_LOOK_SECONDS = 0.25
# Without a heartbeat for this long, the run ends before another worker may have taken the job over.
_LOST_SECONDS = STALE_SECONDS - BEAT_SECONDS - 1
# How long a handler may take to end once it was cancelled.
_ENDING_SECONDS = 2.5
_BACKOFF_BASE, _BACKOFF_FACTOR, _BACKOFF_CAP = 10.0, 3.0, 300.0
_CONCLUDING_SECONDS = 20.0
_MAX_LOG_LINES = 5_000
_TRACES_CONNECTIONS = 3
_STATEMENT_SECONDS = 120.0
_SERVER_SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "idle_in_transaction_session_timeout": "60s",
}

_Interruption = Literal["cancelled", "denied", "superseded", "lost", "stopping"]

logger = get_logger(__name__)


async def run_job(
    workspace_id: UUID,
    job_id: UUID,
    *,
    service: JobService,
    worker: str,
    handlers: Mapping[str, Handler],
    settings: WorkerSettings,
    stopping: threading.Event,
) -> bool:
    """Run a job if it waits for this, and return whether it was touched.

    Args:
        workspace_id: The workspace that the wake-up names.
        job_id: The job that it names.
        service: The service whose worker this is.
        worker: Name of the worker.
        handlers: What runs jobs, by type.
        settings: Settings of the service.
        stopping: Set when the process stops; the job is then given back.
    """
    bind_contextvars(service=f"{service}-worker", job_id=str(job_id))
    async with AsyncExitStack() as stack:
        metadata = await create_pool(settings.postgres_url, service=f"{service}-worker", size=2)
        stack.push_async_callback(_close, metadata)
        redis = connect(settings.redis_url, connections=4)
        stack.push_async_callback(redis.aclose)
        claim = await claims.claim(metadata, workspace_id, job_id, service=service, worker=worker)
        if claim is None:
            return False
        if isinstance(claim, Ended):
            await announce(redis, workspace_id, job_id, claim.type, claim.status, 0.0)
            return True
        traces = await create_pool(
            settings.timescale_url,
            service=f"{service}-worker",
            size=_TRACES_CONNECTIONS,
            statement_seconds=_STATEMENT_SECONDS,
            server_settings=_SERVER_SETTINGS,
        )
        stack.push_async_callback(_close, traces)
        run = JobRun(claim, metadata, redis, stopping)
        context = JobContext(
            run=run,
            job_id=claim.job_id,
            workspace=claim.workspace,
            workspace_id=str(claim.workspace_id),
            owner_id=None if claim.owner_id is None else str(claim.owner_id),
            params=claim.params,
            attempt=claim.attempt,
            settings=settings,
            checkpoint=claim.checkpoint,
            traces=traces,
            metadata=metadata,
            redis=redis,
        )
        handler = handlers.get(claim.kind.name, _unknown)
        await run.complete(lambda: handler(context), worker)
        return True


async def _unknown(context: JobContext) -> dict[str, Any]:
    raise UnavailableError("No worker of this version can run jobs of this type.")


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(2.0):
            await pool.close()
    except TimeoutError:
        pool.terminate()


class JobRun:
    """Keeps a claim alive while its handler works, and writes down how it ended.

    Args:
        claim: The right to the job.
        metadata: The metadata database.
        redis: Client of the queue server.
        stopping: Set when the process stops.
    """

    def __init__(self, claim: Claim, metadata: Pool, redis: Redis, stopping: threading.Event) -> None:
        self._claim = claim
        self._metadata = metadata
        self._redis = redis
        self._stopping = stopping
        self._progress = 0.0
        self._lines = 0
        self._interruption: _Interruption | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the job is to end without a result."""
        return self._interruption in ("cancelled", "denied", "stopping")

    @property
    def given_up(self) -> bool:
        """Whether no other run will go on with the job."""
        return self._interruption in ("cancelled", "denied")

    @property
    def superseded(self) -> bool:
        """Whether this run must not write any more."""
        return self._interruption in ("superseded", "lost")

    async def report(self, progress: float, message: str | None) -> None:
        """Write progress down and tell whoever watches.

        Raises:
            JobSupersededError: Another worker has the job.
        """
        self._check_written(await claims.report(self._metadata, self._claim, progress, message))
        self._progress = progress
        await self._announce("running")

    async def append_log(self, level: LogLevel, message: str) -> None:
        """Add a line to the job's log, up to a number of lines.

        Raises:
            JobSupersededError: Another worker has the job.
        """
        self._lines += 1
        if self._lines > _MAX_LOG_LINES:
            return
        if self._lines == _MAX_LOG_LINES:
            level, message = "warning", "the log ends here, since it has become too long"
        self._check_written(await claims.log(self._metadata, self._claim, level, redact_text(message)))

    async def save(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state from which another run would go on.

        Raises:
            JobSupersededError: Another worker has the job.
        """
        self._check_written(await claims.save(self._metadata, self._claim, checkpoint))

    async def complete(self, work: Callable[[], Awaitable[dict[str, Any]]], worker: str) -> None:
        """Run the handler to its end, or to the point where it must not go on."""
        claim = self._claim
        begun = "went on" if claim.checkpoint else "began"
        took = ", taken over from a worker that was lost" if claim.taken_over else ""
        logger.info("job_started", type=claim.kind.name, attempt=claim.attempt)
        beating = asyncio.create_task(self._beat())
        task = asyncio.ensure_future(self._work(work, f"attempt {claim.attempt} {begun} on {worker}{took}"))
        try:
            await asyncio.wait({task, beating}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_ENDING_SECONDS)
        finally:
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating
        await self._persist(lambda: self._conclude(task))

    async def _work(self, work: Callable[[], Awaitable[dict[str, Any]]], first_line: str) -> dict[str, Any]:
        await self.append_log("info", first_line)
        await self._announce("running")
        return await work()

    async def _beat(self) -> None:
        """Return when the run must not go on."""
        last = due = time.monotonic()
        while self._interruption is None:
            if self._stopping.is_set():
                self._interruption = "stopping"
                return
            if time.monotonic() >= due:
                due = time.monotonic() + BEAT_SECONDS
                try:
                    async with asyncio.timeout(_BEAT_TIMEOUT_SECONDS):
                        beat = await claims.heartbeat(self._metadata, self._claim)
                except Exception as error:
                    FAILURES.labels("jobs", "heartbeat", type(error).__name__).inc()
                    if time.monotonic() - last > _LOST_SECONDS:
                        self._interruption = "lost"
                    continue
                last = time.monotonic()
                if beat is None:
                    self._interruption = "superseded"
                elif beat.cancelled:
                    self._interruption = "cancelled"
                elif not beat.allowed:
                    self._interruption = "denied"
                continue
            await asyncio.sleep(_LOOK_SECONDS)

    async def _conclude(self, task: "asyncio.Future[dict[str, Any]]") -> None:
        claim, interruption = self._claim, self._interruption
        error = task.exception() if task.done() and not task.cancelled() else None
        if task.done() and not task.cancelled() and error is None:
            await self._finish("succeeded", result=task.result(), line="finished")
        elif interruption in ("superseded", "lost") or isinstance(error, JobSupersededError):
            logger.warning("job_superseded", reason=interruption or "fence")
        elif interruption == "stopping":
            await self._give_back(0.0, None, counted=False, line="the worker stops; the job waits for another")
        elif interruption == "denied":
            reason = "whoever asked for the job may not have it done any more"
            await self._finish("cancelled", error=reason, line=reason)
        elif interruption == "cancelled" or isinstance(error, (JobCancelledError, asyncio.CancelledError)):
            await self._finish("cancelled", line="cancelled")
        elif error is not None and _is_transient(error):
            await self._try_again(error)
        else:
            reason = _describe(error)
            logger.error("job_failed", type=claim.kind.name, exc_info=error)
            await self._finish("failed", error=reason, line=f"failed: {reason}", level="error")

    async def _try_again(self, error: BaseException) -> None:
        claim, reason = self._claim, _describe(error)
        logger.warning("job_waits", error=type(error).__name__)
        if claim.attempt >= claim.max_attempts:
            line = f"failed at attempt {claim.attempt} of {claim.max_attempts}: {reason}"
            await self._finish("failed", error=reason, line=line, level="error")
            return
        pause = min(_BACKOFF_CAP, _BACKOFF_BASE * _BACKOFF_FACTOR ** (claim.attempt - 1)) * random.uniform(0.7, 1)
        line = f"attempt {claim.attempt} of {claim.max_attempts} failed: {reason}; the next in {pause:.0f} s"
        await self._give_back(pause, reason, counted=True, line=line, level="warning")

    async def _finish(
        self,
        status: JobStatus,
        *,
        line: str,
        result: dict[str, Any] | None = None,
        error: str | None = None,
        level: LogLevel = "info",
    ) -> None:
        with suppress(JobSupersededError):
            await self.append_log(level, line)
            self._check_written(
                await claims.finish(self._metadata, self._claim, status, result=result, error=error),
            )
            self._progress = 1.0 if status == "succeeded" else self._progress
            logger.info("job_ended", type=self._claim.kind.name, status=status)
            await self._announce(status)

    async def _give_back(
        self, pause: float, reason: str | None, *, counted: bool, line: str, level: LogLevel = "info"
    ) -> None:
        with suppress(JobSupersededError):
            await self.append_log(level, line)
            self._check_written(
                await claims.release(self._metadata, self._claim, after_seconds=pause, error=reason, counted=counted)
            )
            await self._announce("queued")

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Write the end down even if the database is away for a moment; in the end another run finds out."""
        deadline = time.monotonic() + _CONCLUDING_SECONDS
        while True:
            try:
                await write()
                return
            except Exception as error:
                if not is_dependency_error(error) or time.monotonic() > deadline or self._stopping.is_set():
                    logger.exception("job_end_not_written")
                    return
                await asyncio.sleep(0.5)

    async def _announce(self, status: JobStatus) -> None:
        claim = self._claim
        await announce(self._redis, claim.workspace_id, claim.job_id, claim.kind.name, status, self._progress)

    def _check_written(self, is_written: bool) -> None:
        if not is_written:
            self._interruption = "superseded"
            raise JobSupersededError


def _is_transient(error: BaseException) -> bool:
    return is_dependency_error(error) or isinstance(error, (RedisError, UnavailableError))


def _describe(error: BaseException | None) -> str:
    """Return what the owner may read; messages of unexpected errors may quote data of others."""
    if isinstance(error, ApiError):
        return error.message
    if error is not None and _is_transient(error):
        return f"a dependency is away ({type(error).__name__})"
    return f"an unexpected error ({type(error).__name__})"
