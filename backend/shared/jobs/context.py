"""What a job's handler is given: what it is to do, and how it reports, remembers and learns that it has to stop."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, Protocol
from uuid import UUID

from redis.asyncio import Redis

from shared.database import Pool
from shared.jobs.config import WorkerSettings

LogLevel = Literal["info", "warning", "error"]

# Each report is a row written and an event to whoever watches.
_REPORT_SECONDS = 0.5


class JobCancelledError(Exception):
    """Somebody cancelled the job, or its owner may not have it done any more."""


class JobSupersededError(Exception):
    """Another worker has taken the job over; nothing that this run does counts any more."""


class Run(Protocol):
    """One run of a job; every write carries its fencing token."""

    @property
    def cancelled(self) -> bool:
        """Whether the job is to end without a result."""

    @property
    def given_up(self) -> bool:
        """Whether no other run will go on with the job."""

    @property
    def superseded(self) -> bool:
        """Whether this run must not write any more."""

    async def report(self, progress: float, message: str | None) -> None:
        """Write progress down."""

    async def append_log(self, level: LogLevel, message: str) -> None:
        """Add a line to the job's log."""

    async def save(self, checkpoint: dict[str, Any]) -> None:
        """Keep a checkpoint."""


class JobContext:
    """A job as its handler sees it.

    A handler is ``async def run(context: JobContext) -> dict``; what it returns becomes the job's result. It may be
    cancelled at any ``await`` and started again, by another process, with the last checkpoint; so its effects must be
    safe to repeat from there. It must give the event loop its turn every second or so (blocking work goes to
    ``asyncio.to_thread`` in short pieces): a loop that does not turn for 15 seconds counts as dead.

    What a handler raises decides what happens: an error of a dependency is tried again later, up to the type's number
    of attempts; anything else fails the job. An ``ApiError`` shows its message to the owner, others only their kind.

    Attributes:
        job_id: Public id of the job.
        workspace: Number of the workspace in the traces database.
        workspace_id: Public id of the workspace.
        owner_id: User who asked for it; None for an API key and for the platform itself.
        params: Validated parameters, as JSON values.
        attempt: Number of this run, from 1.
        settings: Settings of the service whose worker runs it.
        checkpoint: What the last ``save`` kept; empty at the first run.
        traces: Pool of the traces database, opened for this run.
        metadata: Pool of the metadata database, opened for this run.
        redis: Client of the queue server.
    """

    def __init__(
        self,
        *,
        run: Run,
        job_id: UUID,
        workspace: int,
        workspace_id: str,
        owner_id: str | None,
        params: dict[str, Any],
        attempt: int,
        settings: WorkerSettings,
        checkpoint: dict[str, Any],
        traces: Pool,
        metadata: Pool,
        redis: Redis,
    ) -> None:
        self.job_id = job_id
        self.workspace = workspace
        self.workspace_id = workspace_id
        self.owner_id = owner_id
        self.params = params
        self.attempt = attempt
        self.settings = settings
        self.checkpoint = checkpoint
        self.traces = traces
        self.metadata = metadata
        self.redis = redis
        self._run = run
        self._reported = 0.0

    async def progress(self, fraction: float, message: str | None = None) -> None:
        """Tell how far the job is; calls in quick succession are written down twice a second at most.

        Args:
            fraction: Share that is done, from 0 to 1.
            message: What is being done, for people.

        Raises:
            JobCancelledError: The job was cancelled.
            JobSupersededError: Another worker has the job.
        """
        await self.check()
        now = time.monotonic()
        if now - self._reported < _REPORT_SECONDS:
            return
        self._reported = now
        await self._run.report(min(1.0, max(0.0, fraction)), message)

    async def log(self, message: str, level: LogLevel = "info") -> None:
        """Add a line to the job's log, which its owner can read; secrets are taken out.

        Raises:
            JobSupersededError: Another worker has the job.
        """
        await self._run.append_log(level, message)

    async def save(self, checkpoint: dict[str, Any]) -> None:
        """Keep a state from which the next run goes on, should this one be interrupted.

        Args:
            checkpoint: JSON values, a few kilobytes at most.

        Raises:
            JobCancelledError: The job was cancelled.
            JobSupersededError: Another worker has the job.
        """
        await self.check()
        await self._run.save(checkpoint)
        self.checkpoint = checkpoint

    @property
    def given_up(self) -> bool:
        """Whether the job was cancelled for good; one that another run goes on with needs what this one has written."""
        return self._run.given_up

    async def check(self) -> None:
        """Do nothing while this run is to go on; cheap enough for every batch.

        Raises:
            JobCancelledError: The job was cancelled.
            JobSupersededError: Another worker has the job.
        """
        if self._run.superseded:
            raise JobSupersededError
        if self._run.cancelled:
            raise JobCancelledError


Handler = Callable[[JobContext], Awaitable[dict[str, Any]]]
